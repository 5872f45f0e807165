#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "hold.h"
#include "launcher.h"
#include "listener.h"
#include "plan.h"
#include "proxy.h"
#include "seal.h"
#include "start.h"
#include "trees.h"
#include "tty.h"

#define PRESERVED_MAX 1024

static int read_plan(const char *path, struct buffer *out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t count;
  do {
    uint8_t *at = buffer_reserve(out, 65536);
    if (!at) return ENOMEM;
    count = read(fd, at, 65536);
    if (count > 0) out->length += (size_t)count;
  } while (count > 0 || (count < 0 && errno == EINTR));
  int error = count < 0 ? errno : 0;
  close(fd);
  return error;
}

static void send_failed(struct context *ctx, int error) {
  struct buffer frame = {0};
  if (frame_failed(&frame, 0, ctx->report->failed_op, error, ctx->report->detail)) write_all(ctx->status_fd, frame.data, frame.length);
  buffer_free(&frame);
  close_fd(&ctx->status_fd);
}

static void send_started(struct context *ctx) {
  struct buffer frame = {0};
  bool ok = frame_begin(&frame, 0, FRAME_STARTED) && buffer_u32le(&frame, (uint32_t)getpid()) && buffer_u32le(&frame, (uint32_t)ctx->pid) &&
            buffer_u64le(&frame, realtime_ns());
  if (ok) {
    frame_end(&frame);
    write_all(ctx->status_fd, frame.data, frame.length);
  }
  buffer_free(&frame);
  close_fd(&ctx->status_fd);
}

static const char *check_plan(const struct context *ctx) {
  uint32_t last_child = PLAN_NO_OP;
  for (uint32_t i = 0; i < ctx->plan.count; i++) {
    if (ctx->plan.ops[i].section == SECTION_CHILD) last_child = i;
    if (ctx->plan.ops[i].code == OP_MONITOR) return "the plan is for a monitor";
  }
  if (plan_find(&ctx->plan, OP_CLONE) == PLAN_NO_OP) return NULL;
  if (last_child == PLAN_NO_OP || ctx->plan.ops[last_child].code != OP_EXEC) return "the section child does not end with exec";
  return NULL;
}

static int set_up(struct context *ctx) {
  struct child_ends child = {{-1, -1, -1}, -1};
  const char *problem = check_plan(ctx);
  if (problem) return fail(ctx, EINVAL, "%s", problem);
  int error = plan_run_section(ctx, SECTION_SETUP);
  if (error != 0) return error;
  if (plan_find(&ctx->plan, OP_CLONE) == PLAN_NO_OP) return 0;
  error = start_make_sync(ctx, &child);
  if (error == 0) error = start_make_report(ctx);
  if (error != 0) return fail(ctx, error, "cannot make the socket to the container's first process");
  error = start_clone_child(ctx, &child);
  /* The hooks that `parent` starts belong to the host, also with a time or a PID namespace that only the child is for. */
  if (error == 0) error = start_own_children(ctx);
  if (error != 0) ctx->report->failed_op = (int32_t)plan_find(&ctx->plan, OP_CLONE);
  close_fd(&child.sync);
  close_fd(&ctx->hold_fd);
  trees_close(ctx);
  return error;
}

/* As in start.c: the child's own reason counts more than what its death made fail here. */
static int run_parent(struct context *ctx) {
  static struct report own = {.at = -1, .failed_op = -1};
  struct report *shared = ctx->report;
  own.pid = shared->pid;
  ctx->report = &own;
  int error = plan_run_section(ctx, SECTION_PARENT);
  close_fd(&ctx->netns_fd);
  if (error == 0) {
    ctx->report = shared;
    send(ctx->sync_fd, "G", 1, MSG_NOSIGNAL);
    return 0;
  }
  start_kill_child(ctx);
  if (shared->error == 0) return error;
  ctx->report = shared;
  return shared->error;
}

/* Ends when the child waits in `hold`, or when its end of the socket is closed: by execve, or by death. */
static int await_child(struct context *ctx) {
  for (;;) {
    int fd = -1;
    char byte = 0;
    ssize_t count = tty_receive(ctx->sync_fd, &fd, &byte);
    if (fd >= 0) {
      int error = hold_terminal(ctx, fd);
      if (error != 0) return fail(ctx, error, "cannot hand the terminal over");
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != ECONNRESET) return errno;
    if (count <= 0) break;
    if (byte == SYNC_HELD) return 0;
    int error = byte == SYNC_LISTENER ? start_adopt_child(ctx) : 0;
    if (error == 0 && byte == SYNC_LISTENER) error = listener_hand_over(ctx);
    if (error != 0) return error;
  }
  const struct report *report = ctx->report;
  if (report->error != 0) return report->error;
  uint32_t at;
  if (start_reached_exec(ctx, &at)) return 0;
  ctx->report->failed_op = (int32_t)at;
  return fail(ctx, ECHILD, "the process died before its program, at operation %d", (int)at);
}

/* Everything at its default, whatever the caller ignores. A signal of the caller's terminal must not end a foreground run. */
static void set_signals(bool waits) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGTTIN, SIGTTOU};
  for (size_t i = 0; waits && i < sizeof(ignored) / sizeof(ignored[0]); i++) signal(ignored[i], SIG_IGN);
}

static int wait_for_end(struct context *ctx) {
  if (ctx->terminal_fd >= 0) proxy_terminal(ctx->terminal_fd, ctx->pidfd);
  int status = 0;
  while (waitpid(ctx->pid, &status, 0) < 0) {
    if (errno != EINTR) return 255;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int execute(struct context *ctx, const char *path, bool waits) {
  struct buffer plan = {0};
  int error = read_plan(path, &plan);
  const char *problem = error == 0 ? plan_parse(&ctx->plan, plan.data, plan.length) : path;
  if (problem) {
    error = fail(ctx, error != 0 ? error : EINVAL, "%s", problem);
    send_failed(ctx, error);
    return 1;
  }
  error = set_up(ctx);
  /* A plan without a clone is done with its section setup. */
  if (error == 0 && ctx->pid != 0) error = run_parent(ctx);
  if (error == 0 && ctx->pid != 0) error = await_child(ctx);
  if (error == 0 && ctx->pid != 0) error = start_adopt_child(ctx);
  if (error != 0) {
    char errors[512];
    start_kill_child(ctx);
    close_fd(&ctx->cgroup_fd);
    run_cleanup(ctx, errors, sizeof(errors));
    send_failed(ctx, error);
    return 1;
  }
  send_started(ctx);
  return waits && ctx->pid != 0 ? wait_for_end(ctx) : 0;
}

int runtime_main(int argc, char **argv) {
  if (argc < 5) return 2;
  int error = seal_self(argv);
  if (error != 0) {
    fprintf(stderr, "islet: cannot run from a sealed copy of itself: %s\n", strerror(error));
    return 1;
  }
  struct report report = {.at = -1, .failed_op = -1};
  struct context ctx = {.report = &report, .root_fd = -1, .mask_fd = -1, .sync_fd = -1, .cgroup_fd = -1, .netns_fd = -1, .pidfd = -1,
                        .pidns_fd = -1, .userns_fd = -1, .mountns_fd = -1, .cwd_fd = -1, .init_fd = -1, .listener_fd = -1, .copy_fd = -1,
                        .unmonitored = true, .console_fd = -1, .terminal_fd = -1, .join_fd = -1, .hold_fd = -1};
  unsigned long preserved = strtoul(argv[3], NULL, 10);
  ctx.status_fd = (int)strtol(argv[2], NULL, 10);
  ctx.preserved = (unsigned)(preserved < PRESERVED_MAX ? preserved : PRESERVED_MAX);
  if (fcntl(ctx.status_fd, F_SETFD, FD_CLOEXEC) < 0) return 2;
  bool adopts = argc > 5 && strcmp(argv[5], "wait") == 0;
  bool waits = adopts || (argc > 5 && strcmp(argv[5], "wait-alone") == 0);
  set_signals(waits);
  umask(0);
  /* What a container that shares the PID namespace leaves behind comes here, not to the machine's first process. */
  if (adopts) prctl(PR_SET_CHILD_SUBREAPER, 1);
  return execute(&ctx, argv[4], waits);
}
