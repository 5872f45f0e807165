#include "child.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hold.h"
#include "plan.h"

static bool outlives;

int child_die_with_monitor(void) {
  if (outlives) return 0;
  return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? errno : 0;
}

int run_outlive(struct context *ctx, const struct op_outlive *op) {
  (void)ctx;
  (void)op;
  outlives = true;
  return prctl(PR_SET_PDEATHSIG, 0) < 0 ? errno : 0;
}

/* The dispositions that launcher and monitor changed; everything else is at its default since the launcher's start. */
static void restore_signals(void) {
  const int changed[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) signal(changed[i], SIG_DFL);
}

/*
 * The request for a death signal comes too late when the monitor is dead already; then its end of the socket is closed.
 */
bool child_monitor_is_gone(const struct context *ctx) {
  char byte;
  return recv(ctx->sync_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void child_main(struct context *ctx, const int stdio[3]) {
  restore_signals();
  int error = child_die_with_monitor();
  if (error == 0 && child_monitor_is_gone(ctx)) _exit(1);
  for (int fd = 0; fd < 3 && error == 0; fd++) {
    if (stdio[fd] >= 0 && dup2(stdio[fd], fd) < 0) error = errno;
  }
  if (error != 0) {
    ctx->report->error = fail(ctx, error, "cannot prepare the container's first process");
    _exit(1);
  }
  plan_run_section(ctx, SECTION_CHILD);
  /* Only reached on failure: the report is in the shared page, and our end of the socket closes. */
  if (hold_is_over()) hold_tell_failure(ctx);
  _exit(1);
}

int run_wait_parent(struct context *ctx, const struct op_wait_parent *op) {
  (void)op;
  char byte;
  ssize_t count = read_byte(ctx->sync_fd, &byte);
  if (count < 0) return errno;
  if (count == 0) return fail(ctx, EPIPE, "the monitor died");
  return 0;
}
