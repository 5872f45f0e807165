/* Containers that another OCI runtime makes: it creates and starts them, the monitor holds them as it does its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"
#include "plan.h"
#include "program.h"
#include "tty.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* The runtime has ended: whatever it was to send waits in the socket. */
static int take_terminal(struct context *ctx, int listening) {
  int master = -1;
  char byte;
  int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection >= 0) tty_receive(connection, &master, &byte);
  close_fd(&connection);
  if (master < 0) return fail(ctx, ENOTTY, "the runtime sent no terminal");
  fcntl(master, F_SETFL, O_NONBLOCK);
  ctx->monitor->streams[0].fd = master;
  return 0;
}

/*
 * The runtime has ended, and what it left came to this process (a subreaper): so the number is the container's as long as
 * it was not waited for.
 */
static int adopt(struct context *ctx, const char *pid_file) {
  char text[32];
  if (read_small_file(AT_FDCWD, pid_file, text, sizeof(text)) < 0) return fail(ctx, errno, "%s", pid_file);
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  if (pidfd < 0) return fail(ctx, ESRCH, "there is no process of the number that the runtime wrote");
  siginfo_t info;
  if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
    close(pidfd);
    return fail(ctx, ECHILD, "the runtime keeps the container's first process as its own child");
  }
  ctx->pid = pid;
  ctx->pidfd = pidfd;
  int error = monitor_write_pid(ctx->monitor, pid);
  return error != 0 ? fail(ctx, error, "cannot write the pid file") : 0;
}

static int create(struct context *ctx, const struct op_runtime_create *op, int output) {
  const int *ends = ctx->delegated_stdio;
  struct plan_strs argv = op->argv;
  struct program program = {
      .path = plan_strs_next(&argv),
      .argv = op->argv,
      .env = op->env,
      .stdio = {STDIN_FILENO, output, output},
      .output_fd = output,
      /* The container's pipes, while they are the runtime's: what it says is no output of the container. */
      .drained = {ctx->monitor->streams[0].fd, ctx->monitor->streams[1].fd},
      .cgroup_fd = op->in_cgroup ? ctx->cgroup_fd : -1,
      .tied = true,
  };
  for (int fd = 0; fd < 3; fd++) {
    if (ends[fd] >= 0) program.stdio[fd] = ends[fd];
  }
  /* Only for as long as the runtime runs: later orphans are not this process's to reap. */
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return errno;
  int error = program_run(ctx, &program);
  if (error == 0) error = adopt(ctx, op->pid_file);
  if (prctl(PR_SET_CHILD_SUBREAPER, 0) < 0 && error == 0) error = errno;
  return error;
}

int run_runtime_create(struct context *ctx, const struct op_runtime_create *op) {
  if (!ctx->delegated_stdio || op->argv.count == 0) return fail(ctx, EINVAL, "not in the section parent of a start plan");
  int listening = -1;
  int output = program_output();
  int error = output < 0 ? errno : 0;
  if (error == 0 && *op->console) error = monitor_listen(op->console, 1, &listening);
  if (error == 0) error = create(ctx, op, output);
  if (error == 0 && *op->console) error = take_terminal(ctx, listening);
  if (*op->console) unlink(op->console);
  close_fd(&listening);
  close_fd(&output);
  return error;
}
