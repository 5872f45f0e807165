#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "label.h"
#include "plan.h"

#define NOT_FOUND 127
#define NOT_EXECUTABLE 126

int run_init(struct context *ctx, const struct op_init *op) {
  if (ctx->pivoted) return fail(ctx, EINVAL, "init comes before the pivot, while the host's /proc is in reach");
  ctx->init_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
  if (ctx->init_fd < 0) return errno;
  /* The copy is the launcher's own; the domain of containers may execute their files only. */
  return *op->label ? label_fd(ctx->init_fd, op->label) : 0;
}

int init_exec(struct context *ctx, char **argv, uint32_t count, char **env) {
  char **all = calloc((size_t)count + 3, sizeof(*all));
  if (!all) return ENOMEM;
  all[0] = (char *)(uintptr_t)INIT_NAME;
  all[1] = (char *)(uintptr_t) "--";
  memcpy(all + 2, argv, count * sizeof(*all));
  syscall(SYS_execveat, ctx->init_fd, "", all, env, AT_EMPTY_PATH);
  return fail(ctx, errno, "the init process");
}

/* These are the kernel's answer to what this process itself has done wrong. */
static void keep_faults(sigset_t *set) {
  const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) sigdelset(set, faults[i]);
}

static _Noreturn void be_workload(char **argv, const sigset_t *mask) {
  /* A process group of its own in the foreground of the terminal, so that Ctrl-C reaches it once and not twice. */
  setpgid(0, 0);
  tcsetpgrp(STDIN_FILENO, getpgrp());
  signal(SIGTTIN, SIG_DFL);
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(argv[0], argv);
  int error = errno;
  dprintf(STDERR_FILENO, "exec: \"%s\": %s\n", argv[0], error == ENOENT ? "executable file not found" : strerror(error));
  _exit(error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}

/* Takes every child that has ended; true when the workload was among them. */
static bool reap(pid_t workload, int *code) {
  bool ended = false;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != workload) continue;
    ended = true;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return ended;
}

int init_main(char **argv) {
  if (!argv[0] || !argv[1]) return NOT_FOUND;
  prctl(PR_SET_NAME, "docker-init");
  sigset_t all;
  sigset_t mask;
  sigfillset(&all);
  keep_faults(&all);
  sigprocmask(SIG_SETMASK, &all, &mask);
  /* Taking the terminal's foreground away from itself must not stop it. */
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  /* Sharing a PID namespace it is not process 1, and orphans would go elsewhere. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t workload = fork();
  if (workload == 0) be_workload(argv + 1, &mask);
  if (workload < 0) {
    perror(INIT_NAME);
    return NOT_EXECUTABLE;
  }
  int code = 0;
  while (!reap(workload, &code)) {
    siginfo_t info;
    int number = sigwaitinfo(&all, &info);
    if (number > 0 && number != SIGCHLD) kill(workload, number);
  }
  return code;
}
