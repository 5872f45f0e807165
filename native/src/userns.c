#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

/* The kernel takes a map in one write. */
static int write_map(struct context *ctx, pid_t pid, const char *file, const char *text) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(ctx, errno, "%s", path);
  size_t length = strlen(text);
  int error = write(fd, text, length) == (ssize_t)length ? 0 : errno;
  close(fd);
  return error == 0 ? 0 : fail(ctx, error, "the kernel does not take this %s", file);
}

static int open_namespace(struct context *ctx, pid_t pid, const char *uid_map, const char *gid_map, int *out) {
  char path[64];
  int error = write_map(ctx, pid, "uid_map", uid_map);
  if (error == 0) error = write_map(ctx, pid, "gid_map", gid_map);
  if (error != 0) return error;
  snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
  *out = open(path, O_RDONLY | O_CLOEXEC);
  return *out < 0 ? errno : 0;
}

/* A process has to live in it while the maps are written. */
int userns_make(struct context *ctx, const char *uid_map, const char *gid_map, int *out) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  if (pid < 0) {
    bool limited = errno == ENOSPC || errno == EPERM || errno == EUSERS;
    return fail(ctx, errno, "%s", limited ? "user namespaces are switched off here (sysctl user.max_user_namespaces)" : "clone");
  }
  int error = open_namespace(ctx, pid, uid_map, gid_map, out);
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
  return error;
}

int run_user_ns(struct context *ctx, const struct op_user_ns *op) {
  close_fd(&ctx->userns_fd);
  return userns_make(ctx, op->uid_map, op->gid_map, &ctx->userns_fd);
}

int run_join_user(struct context *ctx, const struct op_join_user *op) {
  close_fd(&ctx->userns_fd);
  ctx->userns_fd = open_host(op->path, O_RDONLY);
  return ctx->userns_fd < 0 ? errno : 0;
}

int run_stdio_owner(struct context *ctx, const struct op_stdio_owner *op) {
  ctx->stdio_owned = true;
  ctx->stdio_uid = op->uid;
  ctx->stdio_gid = op->gid;
  return 0;
}
