#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "launcher.h"
#include "monitor.h"
#include "plan.h"
#include "start.h"

static void set_name(const struct job_process *process, const char *name) {
  prctl(PR_SET_NAME, name);
  memset(process->arguments, 0, process->arguments_size);
  size_t length = strlen(name);
  memcpy(process->arguments, name, length < process->arguments_size ? length : process->arguments_size - 1);
}

/*
 * Leaves nothing open but standard descriptors on /dev/null, the status pipe and the pipe that tells of the launcher's
 * end.
 */
static void keep_descriptors(const struct job_process *process, int status_fd) {
  for (int fd = 0; fd <= 2; fd++) dup2(process->null_fd, fd);
  dup3(status_fd, STATUS_FD, O_CLOEXEC);
  close_range(ALIVE_FD + 1, ~0U, 0);
}

static void send_failed(uint32_t id, int32_t op, int32_t error, const char *detail) {
  struct buffer frame = {0};
  if (frame_failed(&frame, id, op, error, detail)) write_all(STATUS_FD, frame.data, frame.length);
  buffer_free(&frame);
}

/* Runs the setup section and answers with what readFileIn collected. */
static int run_plan(struct context *ctx, uint32_t id) {
  int error = plan_run_section(ctx, SECTION_SETUP);
  if (error != 0) {
    send_failed(id, ctx->report->failed_op, error, ctx->report->detail);
    return 1;
  }
  struct buffer frame = {0};
  if (!frame_begin(&frame, id, FRAME_RESULT) || !buffer_u32le(&frame, ctx->result_count) ||
      !buffer_append(&frame, ctx->results.data, ctx->results.length)) {
    send_failed(id, -1, ENOMEM, "out of memory for the results");
    return 1;
  }
  frame_end(&frame);
  return write_all(STATUS_FD, frame.data, frame.length) == 0 ? 0 : 1;
}

void job_main(const struct job_process *process, uint32_t id, uint8_t type, int status_fd, const uint8_t *plan, size_t length) {
  /* The launcher ignores SIGCHLD, which would take the container's exit status away. */
  signal(SIGCHLD, SIG_DFL);
  keep_descriptors(process, status_fd);
  struct report own_report = {.at = -1, .failed_op = -1};
  struct context ctx = {.report = &own_report, .root_fd = -1, .mask_fd = -1, .sync_fd = -1, .cgroup_fd = -1, .netns_fd = -1, .pidfd = -1};
  ctx.pidns_fd = ctx.userns_fd = ctx.mountns_fd = ctx.cwd_fd = ctx.init_fd = ctx.listener_fd = ctx.copy_fd = -1;
  ctx.status_fd = ctx.console_fd = ctx.terminal_fd = ctx.join_fd = ctx.hold_fd = -1;
  const char *problem = plan_parse(&ctx.plan, plan, length);
  if (problem) {
    send_failed(id, -1, EINVAL, problem);
    _exit(1);
  }
  if (type == FRAME_RUN) _exit(run_plan(&ctx, id));

  setsid();
  set_name(process, "islet-monitor");
  static struct monitor monitor;
  static bool used;
  /* By the monitor that made this job's launcher (hosted.c). */
  if (used) memset(&monitor, 0, sizeof(monitor));
  used = true;
  monitor_init(&monitor);
  monitor.process = process;
  ctx.monitor = &monitor;
  int error = start_container(&ctx, id);
  if (error != 0) {
    send_failed(id, ctx.report->failed_op, error, ctx.report->detail);
    _exit(1);
  }
  close(STATUS_FD);
  _exit(monitor_run(&ctx));
}
