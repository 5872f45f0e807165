/* Hooks of the OCI runtime spec: programs that are told the container's state and that must end well in time. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plan.h"
#include "program.h"

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

int run_hook(struct context *ctx, const struct op_hook *op) {
  int state = state_file(ctx, op);
  int output = program_output();
  int error = state >= 0 && output >= 0 ? 0 : errno;
  struct program hook = {
      .path = op->path,
      .argv = op->argv,
      .env = op->env,
      .stdio = {state, output, output},
      .output_fd = output,
      .drained = {-1, -1},
      .cgroup_fd = -1,
      .timeout_ms = op->timeout_ms,
  };
  if (error == 0) error = program_run(ctx, &hook);
  close_fd(&state);
  close_fd(&output);
  return error;
}
