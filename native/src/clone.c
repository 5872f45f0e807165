#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "fence.h"
#include "plan.h"
#include "start.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

int run_join_pid(struct context *ctx, const struct op_join_pid *op) {
  ctx->pidns_fd = open_host(op->path, O_RDONLY);
  return ctx->pidns_fd < 0 ? errno : 0;
}

int run_time_offsets(struct context *ctx, const struct op_time_offsets *op) {
  if (!ctx->monitor && !ctx->unmonitored) return fail(ctx, EINVAL, "a run plan has no time namespace");
  /* The offsets are fixed when the first process enters, which clone3 with CLONE_NEWTIME would do at once. */
  if (unshare(CLONE_NEWTIME) < 0) return errno;
  ctx->time_unshared = true;
  int fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = op->offsets.length > 0 ? write_all(fd, op->offsets.data, op->offsets.length) : 0;
  close(fd);
  return error;
}

int run_hide_process(struct context *ctx, const struct op_hide_process *op) {
  (void)ctx;
  (void)op;
  return fence(FENCE_HIDDEN) && prctl(PR_SET_DUMPABLE, 0) < 0 ? errno : 0;
}

static _Noreturn void be_child(struct context *ctx, const struct child_ends *child) {
  /* Our copy of the monitor's end would hide the monitor's death from us. */
  close(ctx->sync_fd);
  ctx->sync_fd = child->sync;
  /* Whoever reads the answer waits for the end of this pipe. */
  if (ctx->unmonitored) close_fd(&ctx->status_fd);
  child_main(ctx, child->stdio);
}

/* What both ways to clone have in common: the place for the number of the process, and its cgroup. */
static void complete(const struct context *ctx, struct clone_args *args) {
  args->flags |= CLONE_PARENT_SETTID;
  args->parent_tid = (uint64_t)(uintptr_t)&ctx->report->pid;
  if (ctx->cgroup_fd < 0) return;
  args->flags |= CLONE_INTO_CGROUP;
  args->cgroup = (uint64_t)ctx->cgroup_fd;
}

/* Where the process in between tells the pid, or why there is none. */
struct handed {
  volatile int32_t pid;
  volatile int32_t error;
  const char *volatile what;
};

/*
 * A user namespace that exists already can only be entered, and new namespaces belong to the user namespace of their
 * maker. So a process in between enters it and makes the first process, as the monitor's own child (CLONE_PARENT):
 * the monitor keeps its rights over the host.
 */
static _Noreturn void between(struct context *ctx, const struct child_ends *child, struct handed *handed) {
  struct clone_args args = {.flags = ctx->clone_flags | CLONE_PARENT};
  complete(ctx, &args);
  /*
   * In a joined PID namespace the first process is seen from its first moment by others, who may have CAP_SYS_PTRACE in
   * the user namespace that it enters, while it still is the host's user 0. Its memory is theirs only after the exec.
   */
  if (ctx->pidns_fd >= 0 && fence(FENCE_HIDDEN)) prctl(PR_SET_DUMPABLE, 0);
  if (ctx->pidns_fd >= 0 && setns(ctx->pidns_fd, CLONE_NEWPID) < 0) {
    handed->error = errno;
    handed->what = "cannot enter the pid namespace";
    _exit(1);
  }
  if (setns(ctx->userns_fd, CLONE_NEWUSER) < 0) {
    handed->error = errno;
    handed->what = "cannot enter the user namespace";
    _exit(1);
  }
  long pid = syscall(SYS_clone3, &args, sizeof(args));
  if (pid == 0) be_child(ctx, child);
  if (pid < 0) handed->error = errno;
  else handed->pid = (int32_t)pid;
  _exit(0);
}

static int clone_between(struct context *ctx, const struct child_ends *child) {
  struct handed *handed = mmap(NULL, sizeof(*handed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (handed == MAP_FAILED) return errno;
  pid_t pid = fork();
  if (pid == 0) between(ctx, child, handed);
  int error = pid < 0 ? errno : 0;
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  if (error == 0) error = handed->error;
  if (error != 0 && handed->what) error = fail(ctx, error, "%s", handed->what);
  if (error == 0 && handed->pid == 0) error = ECHILD;
  if (error == 0) {
    ctx->pid = handed->pid;
    /* Our child, not waited for: the number cannot have gone to another process. */
    ctx->pidfd = (int)syscall(SYS_pidfd_open, ctx->pid, 0);
    if (ctx->pidfd < 0) error = errno;
  }
  munmap(handed, sizeof(*handed));
  return error;
}

int start_clone_child(struct context *ctx, struct child_ends *child) {
  if (ctx->userns_fd >= 0) return clone_between(ctx, child);
  if (ctx->pidns_fd >= 0 && setns(ctx->pidns_fd, CLONE_NEWPID) < 0) return fail(ctx, errno, "cannot enter the pid namespace");
  struct clone_args args = {
      .flags = ctx->clone_flags | CLONE_PIDFD,
      .pidfd = (uint64_t)(uintptr_t)&ctx->pidfd,
      .exit_signal = SIGCHLD,
  };
  complete(ctx, &args);
  long pid = syscall(SYS_clone3, &args, sizeof(args));
  if (pid < 0) return errno;
  if (pid == 0) be_child(ctx, child);
  ctx->pid = (pid_t)pid;
  return 0;
}

static int make_children_in(const char *path, int type) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = setns(fd, type) < 0 ? errno : 0;
  close(fd);
  return error;
}

int start_own_children(const struct context *ctx) {
  /* With a user namespace the process in between entered the PID namespace, not this one. */
  int error = ctx->pidns_fd >= 0 && ctx->userns_fd < 0 ? make_children_in("/proc/self/ns/pid", CLONE_NEWPID) : 0;
  return error == 0 && ctx->time_unshared ? make_children_in("/proc/self/ns/time", CLONE_NEWTIME) : error;
}
