#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "launcher.h"
#include "listener.h"
#include "monitor.h"
#include "plan.h"
#include "trees.h"
#include "tty.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const struct child_ends NO_ENDS = {{-1, -1, -1}, -1};

static bool is_delegated(const struct context *ctx) { return plan_find(&ctx->plan, OP_RUNTIME_CREATE) != PLAN_NO_OP; }

static const char *check_start_plan(const struct context *ctx) {
  uint32_t clones = 0;
  uint32_t last_child = PLAN_NO_OP;
  bool monitor_first = ctx->plan.count > 0 && ctx->plan.ops[0].code == OP_MONITOR;
  for (uint32_t i = 0; i < ctx->plan.count; i++) {
    const struct plan_op *op = &ctx->plan.ops[i];
    if (op->code == OP_CLONE && op->section == SECTION_SETUP) clones++;
    if (op->section == SECTION_SETUP && clones > 0 && op->code != OP_CLONE) {
      return "a setup operation stands behind the clone";
    }
    if (op->section == SECTION_CHILD) last_child = i;
  }
  if (!monitor_first) return "the plan does not begin with the operation monitor";
  if (is_delegated(ctx)) return clones == 0 && last_child == PLAN_NO_OP ? NULL : "two would make the container";
  if (clones != 1) return "the plan does not have exactly one clone";
  if (last_child == PLAN_NO_OP || ctx->plan.ops[last_child].code != OP_EXEC) {
    return "the section child does not end with exec";
  }
  return NULL;
}

/*
 * The user the workload will run as: its pipes are given to it, so that it may reopen /dev/stdout as /proc/self/fd/1.
 */
static uint32_t workload_uid(const struct context *ctx) {
  struct op_set_uid args;
  uint32_t index = plan_find(&ctx->plan, OP_SET_UID);
  if (index == PLAN_NO_OP) return 0;
  struct plan_reader in = ctx->plan.ops[index].payload;
  return decode_set_uid(&in, &args) ? args.uid : 0;
}

static int make_pipe(uint32_t uid, uint32_t gid, int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  *read_end = ends[0];
  *write_end = ends[1];
  return uid != 0 && fchown(ends[0], uid, gid) < 0 ? errno : 0;
}

static void set_nonblocking(int fd) {
  if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
}

/*
 * Without a terminal: pipes for stdout and stderr, and for stdin when the container keeps it open. Ends of this process
 * do not block.
 */
static int make_stdio(struct context *ctx, struct child_ends *child) {
  struct monitor *monitor = ctx->monitor;
  if (monitor->flags & MONITOR_TTY) return 0;
  uint32_t uid = ctx->stdio_owned ? ctx->stdio_uid : workload_uid(ctx);
  uint32_t gid = ctx->stdio_owned ? ctx->stdio_gid : (uint32_t)-1;
  int error = make_pipe(uid, gid, &monitor->streams[0].fd, &child->stdio[1]);
  if (error == 0) error = make_pipe(uid, gid, &monitor->streams[1].fd, &child->stdio[2]);
  if (error == 0 && monitor->flags & MONITOR_OPEN_STDIN) error = make_pipe(uid, gid, &child->stdio[0], &monitor->stdin_fd);
  set_nonblocking(monitor->streams[0].fd);
  set_nonblocking(monitor->streams[1].fd);
  set_nonblocking(monitor->stdin_fd);
  return error;
}

int start_make_sync(struct context *ctx, struct child_ends *child) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return errno;
  ctx->sync_fd = ends[0];
  child->sync = ends[1];
  return 0;
}

int start_make_report(struct context *ctx) {
  struct report *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return errno;
  *page = (struct report){.at = -1, .failed_op = -1};
  ctx->report = page;
  ctx->last_pid = &page->pid;
  return 0;
}

static void close_child_ends(struct child_ends *child) {
  for (int i = 0; i < 3; i++) close_fd(&child->stdio[i]);
  close_fd(&child->sync);
}

/* Another runtime makes the container: its commands stand in the section parent, and when they have ended it runs. */
static int delegate(struct context *ctx, struct child_ends *child) {
  int error = make_stdio(ctx, child);
  if (error != 0) return fail(ctx, error, "cannot make the container's pipes");
  ctx->delegated_stdio = child->stdio;
  error = plan_run_section(ctx, SECTION_PARENT);
  ctx->delegated_stdio = NULL;
  trees_close(ctx);
  close_fd(&ctx->netns_fd);
  return error;
}

/* Everything from the first operation to the running child. A failing clone3 is reported as the clone operation's. */
static int set_up(struct context *ctx, struct child_ends *child) {
  const char *problem = check_start_plan(ctx);
  if (problem) return fail(ctx, EINVAL, "%s", problem);
  int error = plan_run_section(ctx, SECTION_SETUP);
  if (error != 0) return error;
  if (is_delegated(ctx)) return delegate(ctx, child);
  error = make_stdio(ctx, child);
  if (error == 0) error = start_make_sync(ctx, child);
  if (error == 0) error = start_make_report(ctx);
  if (error != 0) return fail(ctx, error, "cannot make the container's pipes");
  error = start_clone_child(ctx, child);
  if (error == 0) error = start_own_children(ctx);
  trees_close(ctx);
  close_fd(&ctx->join_fd);
  if (error != 0) ctx->report->failed_op = (int32_t)plan_find(&ctx->plan, OP_CLONE);
  return error;
}

static void kill_and_reap(int pidfd) {
  siginfo_t info;
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR) {
  }
}

bool start_reached_exec(const struct context *ctx, uint32_t *at) {
  /* Read once: whoever may trace the process may write it. */
  *at = (uint32_t)ctx->report->at;
  return *at < ctx->plan.count && ctx->plan.ops[*at].code == OP_EXEC;
}

int start_adopt_child(struct context *ctx) {
  siginfo_t info = {0};
  pid_t pid = ctx->last_pid ? *ctx->last_pid : 0;
  if (pid <= 0 || pid == ctx->pid) return 0;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return errno;
  /* The page can be written to by whoever may trace the process that appeared: a number there counts if it is a child's. */
  if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
    close(pidfd);
    return errno;
  }
  kill_and_reap(ctx->pidfd);
  close(ctx->pidfd);
  ctx->pid = pid;
  ctx->pidfd = pidfd;
  return 0;
}

void start_kill_child(struct context *ctx) {
  if (ctx->pidfd < 0) return;
  pid_t before = ctx->pid;
  kill_and_reap(ctx->pidfd);
  if (start_adopt_child(ctx) == 0 && ctx->pid != before) kill_and_reap(ctx->pidfd);
}

/*
 * The section parent runs beside the child, which writes to the shared page meanwhile; so it has a report of its own.
 * When both have failed the child's reason counts: an operation of the parent may have failed only because the child
 * was gone, never the other way, as the child is killed.
 */
static int run_parent(struct context *ctx) {
  static struct report own = {.at = -1, .failed_op = -1};
  struct report *shared = ctx->report;
  ctx->report = &own;
  int error = plan_run_section(ctx, SECTION_PARENT);
  /* Kept, it would keep the namespace and its links alive after the container. */
  close_fd(&ctx->netns_fd);
  if (error == 0) {
    error = monitor_write_pid(ctx->monitor, ctx->pid);
    if (error != 0) fail(ctx, error, "cannot write the pid file");
  }
  if (error != 0) {
    start_kill_child(ctx);
    if (shared->error == 0) return error;
    ctx->report = shared;
    return shared->error;
  }
  ctx->report = shared;
  /* EPIPE: the child failed meanwhile and tells why itself. */
  send(ctx->sync_fd, "G", 1, MSG_NOSIGNAL);
  return 0;
}

/* The pid file says who runs the program, whoever prepared it. */
static int adopt(struct context *ctx) {
  pid_t before = ctx->pid;
  int error = start_adopt_child(ctx);
  if (error != 0) return fail(ctx, error, "the process that runs the program is not to be found");
  if (ctx->pid == before) return 0;
  error = monitor_write_pid(ctx->monitor, ctx->pid);
  return error == 0 ? 0 : fail(ctx, error, "cannot write the pid file");
}

/* Waits until the child's end of the socket closes, by execve or by death; takes the terminal on the way. */
static int await_exec(struct context *ctx) {
  struct monitor *monitor = ctx->monitor;
  for (;;) {
    int received = -1;
    char byte = 0;
    ssize_t count = tty_receive(ctx->sync_fd, &received, &byte);
    if (received >= 0) {
      close_fd(&monitor->streams[0].fd);
      monitor->streams[0].fd = received;
      set_nonblocking(received);
    }
    if (count < 0 && errno == EINTR) continue;
    /* ECONNRESET is an end of file with a byte unread: the child did not wait for its parent. */
    if (count < 0 && errno != ECONNRESET) return errno;
    if (count <= 0) break;
    int error = byte == SYNC_LISTENER ? adopt(ctx) : 0;
    if (error == 0 && byte == SYNC_LISTENER) error = listener_hand_over(ctx);
    if (error != 0) return error;
  }
  struct report *report = ctx->report;
  if (report->error != 0) return report->error;
  uint32_t at;
  if (!start_reached_exec(ctx, &at)) {
    return fail(ctx, ECHILD, "the container's first process died before its program, at operation %d", (int)at);
  }
  if (monitor->flags & MONITOR_TTY && monitor->streams[0].fd < 0) {
    return fail(ctx, ENOTTY, "the plan did not open a terminal");
  }
  return 0;
}

static int send_started(const struct context *ctx, uint32_t id) {
  struct buffer frame = {0};
  if (!frame_begin(&frame, id, FRAME_STARTED) || !buffer_u32le(&frame, (uint32_t)getpid()) || !buffer_u32le(&frame, (uint32_t)ctx->pid) ||
      !buffer_u64le(&frame, realtime_ns())) {
    return ENOMEM;
  }
  frame_end(&frame);
  /* A launcher that died meanwhile is no reason to stop: isled finds the container by its pid file. */
  write_all(STATUS_FD, frame.data, frame.length);
  buffer_free(&frame);
  return 0;
}

/* Undoes a failed start. */
static void abandon(struct context *ctx) {
  char errors[512];
  start_kill_child(ctx);
  /* The files of the monitor lie in its working directory. */
  trees_leave(ctx);
  run_cleanup(ctx, errors, sizeof(errors));
  monitor_remove_files(ctx->monitor);
}

/*
 * While the process makes its mounts isled can connect. What it sends waits in the socket until the monitor looks. A frame that
 * gets lost is no harm: isled then connects after STARTED.
 */
static void send_listening(uint32_t id) {
  struct buffer frame = {0};
  if (frame_begin(&frame, id, FRAME_LISTENING)) {
    frame_end(&frame);
    write_all(STATUS_FD, frame.data, frame.length);
  }
  buffer_free(&frame);
}

int start_container(struct context *ctx, uint32_t id) {
  static struct report later = {.at = -1, .failed_op = -1};
  struct child_ends child = NO_ENDS;
  int error = set_up(ctx, &child);
  close_child_ends(&child);
  bool delegated = is_delegated(ctx);
  if (error == 0) send_listening(id);
  if (error == 0 && !delegated) error = run_parent(ctx);
  if (error == 0 && !delegated) error = await_exec(ctx);
  if (error == 0 && !delegated) error = adopt(ctx);
  if (error == 0) error = send_started(ctx, id);
  if (error != 0) {
    abandon(ctx);
    return error;
  }
  if (delegated) return 0;
  close_fd(&ctx->sync_fd);
  /* From here on the group's directory is only wanted by kill_rest in exit.c. */
  if (ctx->clone_flags & CLONE_NEWPID || ctx->monitor->flags & MONITOR_FURTHER) close_fd(&ctx->cgroup_fd);
  munmap(ctx->report, sizeof(*ctx->report));
  ctx->report = &later;
  ctx->last_pid = NULL;
  return 0;
}
