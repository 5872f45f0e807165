/*
 * Tries doors that a filter or a device rule may have left open, with arguments that do nothing where they are open; prints
 * "name ok" or "name ERRNO" for each.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define X32 0x40000000L

/* The 32-bit entry: its system calls have numbers of their own. */
static long int80(long number, long a, long b) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  if (result > -4096 && result < 0) {
    errno = (int)-result;
    return -1;
  }
  return result;
}

/* In a process of its own: some of these would change the caller. */
static void attempt(const char *name, int compat, long number, long a, long b) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    long result = compat ? int80(number, a, b) : syscall(number, a, b, 0, 0, 0);
    printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
    exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void open_device(const char *name, mode_t type, unsigned major, unsigned minor) {
  unlink("/node");
  if (mknod("/node", type | 0600, makedev(major, minor)) < 0) {
    printf("%s cannot be made\n", name);
    return;
  }
  int fd = open("/node", O_RDONLY | O_NOCTTY | O_NONBLOCK);
  printf("%s %s\n", name, fd < 0 ? strerrorname_np(errno) : "ok");
}

int main(void) {
  struct clone_args user = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  attempt("x32-mount", 0, X32 | SYS_mount, 0, 0);
  attempt("x32-unshare", 0, X32 | SYS_unshare, CLONE_NEWUSER, 0);
  attempt("i386-mount", 1, 21, 0, 0);
  attempt("i386-unshare", 1, 310, CLONE_NEWUSER, 0);
  attempt("i386-clone", 1, 120, CLONE_NEWUSER | SIGCHLD, 0);
  attempt("i386-keyctl", 1, 288, 1, 0);
  attempt("i386-bpf", 1, 357, 0, 0);
  attempt("i386-getpid", 1, 20, 0, 0);
  attempt("wide-number", 0, 0x100000000L | SYS_mount, 0, 0);
  attempt("wide-clone", 0, SYS_clone, 0x100000000L | CLONE_NEWUSER | SIGCHLD, 0);
  attempt("wide-unshare", 0, SYS_unshare, (long)(0xffffffff00000000UL | CLONE_NEWUSER), 0);
  attempt("clone3", 0, SYS_clone3, (long)&user, sizeof(user));
  attempt("fsopen", 0, SYS_fsopen, (long)"tmpfs", 0);
  attempt("io-uring", 0, SYS_io_uring_setup, 1, 0);
  attempt("userfaultfd", 0, SYS_userfaultfd, 0, 0);
  attempt("unshare", 0, SYS_unshare, CLONE_NEWUSER, 0);
  attempt("bpf", 0, SYS_bpf, 0, 0);
  attempt("perf", 0, SYS_perf_event_open, 0, 0);
  attempt("keyctl", 0, SYS_keyctl, 0, -3);
  attempt("add-key", 0, SYS_add_key, 0, 0);
  attempt("request-key", 0, SYS_request_key, 0, 0);
  attempt("kexec", 0, SYS_kexec_load, 0, -1);
  attempt("init-module", 0, SYS_init_module, 0, 0);
  attempt("open-by-handle", 0, SYS_open_by_handle_at, -1, 0);
  attempt("reboot", 0, SYS_reboot, 0, 0);
  attempt("swapoff", 0, SYS_swapoff, 0, 0);
  attempt("clock", 0, SYS_clock_settime, 0, 0);
  attempt("ports", 0, SYS_iopl, 4, 0);
  attempt("syslog", 0, SYS_syslog, 9, 0);
  attempt("setns", 0, SYS_setns, -1, 0);
  attempt("memory-policy", 0, SYS_set_mempolicy, -1, 0);
  attempt("fanotify", 0, SYS_fanotify_init, -1, 0);
  attempt("mount-attributes", 0, SYS_mount_setattr, -1, 0);
  attempt("af-alg", 0, SYS_socket, 38, 5);
  attempt("af-vsock", 0, SYS_socket, 40, 1);
  open_device("disk", S_IFBLK, 254, 0);
  open_device("memory", S_IFCHR, 1, 1);
  open_device("kernel-log", S_IFCHR, 1, 11);
  open_device("kvm", S_IFCHR, 10, 232);
  open_device("fuse", S_IFCHR, 10, 229);
  open_device("null", S_IFCHR, 1, 3);
  return 0;
}
