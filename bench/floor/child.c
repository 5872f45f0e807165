/* The container's first process, in its new namespaces, up to its program. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "floor.h"

/* Docker's default set. */
#define CAPABILITIES 0xa80425fbULL

static void set_oom_score(void) {
  struct statfs fs;
  struct stat info;
  struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
  int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (proc < 0 || fstatfs(proc, &fs) < 0 || fstat(proc, &info) < 0) die("/proc");
  int fd = (int)syscall(SYS_openat2, proc, "self/oom_score_adj", &how, sizeof(how));
  if (fd < 0 || write(fd, "0", 1) < 0) die("oom_score_adj");
  close(fd);
  close(proc);
}

static void join(void) {
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) die("propagation");
  for (int i = 0; i < config.cgroup_count; i++) write_file(config.cgroups[i].directory, "tasks", "0");
  if (unshare(CLONE_NEWCGROUP) < 0) die("unshare");
  set_oom_score();
  setsid();
  long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor");
  syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f1b0000);
  if (sethostname("floor", 5) < 0) die("sethostname");
  done(JOIN);
}

static void set_identity(void) {
  const gid_t group = 0;
  char cwd[PATH_SIZE];
  if (chdir("/") < 0 || syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0) die("chdir");
  umask(022);
  for (unsigned cap = 0; cap < 64; cap++) {
    if (!(CAPABILITIES >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) break;
  }
  syscall(SYS_setgroups, 1, &group);
  syscall(SYS_setresgid, 0, 0, 0);
  done(IDENTITY);
}

/* Behind the filter as with isle: it is installed without no_new_privs, so while there is CAP_SYS_ADMIN. */
static void drop_rights(void) {
  struct sock_fprog program = {.len = (unsigned short)(config.filter.length / sizeof(struct sock_filter)),
                               .filter = (struct sock_filter *)(void *)config.filter.data};
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0) die("seccomp");
  syscall(SYS_setresuid, 0, 0, 0);
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{(uint32_t)CAPABILITIES, (uint32_t)CAPABILITIES, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &head, data) < 0) die("capset");
  done(SECCOMP);
}

void child(int sync) {
  static char *const argv[] = {"true", NULL};
  static char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=floor", "HOME=/root", NULL};
  static const char *const places[] = {"/usr/local/sbin/true", "/usr/local/bin/true", "/usr/sbin/true", "/usr/bin/true", "/sbin/true", "/bin/true"};
  join();
  umask(0);
  make_rootfs(sync);
  pivot();
  set_identity();
  drop_rights();
  for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) execve(places[i], argv, env);
  die("true");
}
