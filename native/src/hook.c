/* Hooks of the OCI runtime spec: programs that are told the container's state and that must end well in time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define OUTPUT_MAX 512

static char **to_vector(struct plan_strs list) {
  char **vector = calloc((size_t)list.count + 1, sizeof(*vector));
  for (size_t i = 0; vector && list.count > 0; i++) vector[i] = (char *)(uintptr_t)plan_strs_next(&list);
  return vector;
}

/* A file, not a pipe: its writer never blocks, and the reader need not wait for what the hook leaves behind. */
static int state_file(const struct context *ctx, const struct op_hook *op) {
  char pid[16];
  int length = snprintf(pid, sizeof(pid), "%d", ctx->report->pid);
  int fd = memfd_create("state", MFD_CLOEXEC);
  if (fd < 0) return -1;
  int error = write_all(fd, op->state_head.data, op->state_head.length);
  if (error == 0) error = write_all(fd, pid, (size_t)length);
  if (error == 0) error = write_all(fd, op->state_tail.data, op->state_tail.length);
  if (error == 0 && lseek(fd, 0, SEEK_SET) < 0) error = errno;
  if (error == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

static void become_hook(const struct op_hook *op, char **argv, char **env, int state, int output) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  if (dup2(state, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(127);
  if (close_range(3, ~0U, 0) < 0) _exit(127);
  execve(op->path, argv, env);
  dprintf(2, "%s", strerror(errno));
  _exit(127);
}

/* The wait status, or -1 with an errno; ETIMEDOUT when it had to be killed. */
static int await_hook(pid_t pid, uint32_t timeout_ms) {
  int status = 0;
  bool late = false;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd >= 0 && timeout_ms > 0) {
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int64_t deadline = monotonic_ms() + timeout_ms;
    int64_t left = timeout_ms;
    while (left > 0 && poll(&ended, 1, (int)left) <= 0) left = deadline - monotonic_ms();
    late = left <= 0;
    if (late) kill(pid, SIGKILL);
  }
  close_fd(&pidfd);
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  errno = ETIMEDOUT;
  return late ? -1 : status;
}

static int judge(struct context *ctx, int status, int output) {
  char text[OUTPUT_MAX] = "";
  ssize_t length = pread(output, text, sizeof(text) - 1, 0);
  while (length > 0 && text[length - 1] == '\n') length--;
  text[length > 0 ? length : 0] = 0;
  if (status < 0) return fail(ctx, errno, "%s", text);
  if (WIFSIGNALED(status)) return fail(ctx, ECANCELED, "killed by signal %d %s", WTERMSIG(status), text);
  return WEXITSTATUS(status) == 0 ? 0 : fail(ctx, ECANCELED, "exit status %d %s", WEXITSTATUS(status), text);
}

int run_hook(struct context *ctx, const struct op_hook *op) {
  char **argv = to_vector(op->argv);
  char **env = to_vector(op->env);
  int state = state_file(ctx, op);
  int output = memfd_create("output", MFD_CLOEXEC);
  int error = argv && env && state >= 0 && output >= 0 ? 0 : errno;
  if (error == 0) {
    pid_t pid = fork();
    if (pid == 0) become_hook(op, argv, env, state, output);
    error = pid < 0 ? errno : judge(ctx, await_hook(pid, op->timeout_ms), output);
  }
  close_fd(&state);
  close_fd(&output);
  free(argv);
  free(env);
  return error;
}
