/* Writes the seccomp filter of a running process to standard output, as the kernel has it. Argument: its pid. Needs CAP_SYS_ADMIN. */
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

int main(int argc, char **argv) {
  static struct sock_filter filter[BPF_MAXINSNS];
  if (argc != 2) return 2;
  pid_t pid = (pid_t)atoi(argv[1]);
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || waitpid(pid, NULL, __WALL) < 0) {
    perror("ptrace");
    return 1;
  }
  long count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, filter);
  if (count < 0) perror("filter");
  if (count > 0) fwrite(filter, sizeof(filter[0]), (size_t)count, stdout);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return count > 0 ? 0 : 1;
}
