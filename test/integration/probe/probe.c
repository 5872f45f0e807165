/* Tries what a container must not be able to do and prints, one a line, `name outcome`: "ok" or the errno's name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static long try_mount(void) { return mount("none", "/tmp", "tmpfs", 0, ""); }
static long try_remount(void) { return mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long try_umount(void) { return umount2("/proc/sys", MNT_DETACH); }
static long try_unshare_user(void) { return unshare(CLONE_NEWUSER); }
static long try_unshare_mount(void) { return unshare(CLONE_NEWNS); }
static long try_clone_user(void) { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL); }
static long try_setns(void) { return setns(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), 0); }
/* Not PTRACE_ATTACH: where it is allowed it would stop process 1 for good. */
static long try_ptrace_init(void) { return ptrace(PTRACE_SEIZE, 1, NULL, NULL); }
static long try_keyctl(void) { return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0); }
static long try_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long try_perf(void) { return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0); }
static long try_open_by_handle(void) { return syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0); }
static long try_reboot(void) { return reboot(0x12345678); }
static long try_swapoff(void) { return swapoff("/tmp/none"); }
static long try_settime(void) { return syscall(SYS_clock_settime, 0, NULL); }
static long try_sethostname(void) { return sethostname("x", 1); }
static long try_module(void) { return syscall(SYS_init_module, NULL, 0, ""); }
static long try_chroot(void) { return chroot("/"); }

/* A device of the host: making the node is allowed as under Docker, opening it is not. */
static long try_disk(void) {
  if (mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)) != 0) return -1;
  return open("/tmp/disk", O_RDONLY | O_CLOEXEC);
}

static const struct {
  const char *name;
  long (*try)(void);
} probes[] = {
    {"mount", try_mount},
    {"remount", try_remount},
    {"umount", try_umount},
    {"unshare-user", try_unshare_user},
    {"unshare-mount", try_unshare_mount},
    {"clone-user", try_clone_user},
    {"setns", try_setns},
    {"ptrace-init", try_ptrace_init},
    {"keyctl", try_keyctl},
    {"bpf", try_bpf},
    {"perf", try_perf},
    {"open-by-handle", try_open_by_handle},
    {"reboot", try_reboot},
    {"swapoff", try_swapoff},
    {"settime", try_settime},
    {"sethostname", try_sethostname},
    {"module", try_module},
    {"chroot", try_chroot},
    {"disk", try_disk},
};

/* Each probe runs in a child, so that one that succeeds does not change the next. */
int main(void) {
  for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      errno = 0;
      long result = probes[i].try();
      if (result == 0 && strcmp(probes[i].name, "clone-user") == 0) _exit(0);
      printf("%s %s\n", probes[i].name, result >= 0 ? "ok" : strerrorname_np(errno));
      fflush(stdout);
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  return 0;
}
