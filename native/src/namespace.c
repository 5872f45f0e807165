#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec.h"
#include "monitor.h"
#include "netns.h"
#include "plan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define OWN_NETNS "/proc/self/ns/net"
#define NAMESPACES \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

/* The flags are kept for the clone that ends the setup section (start.c). */
int run_clone(struct context *ctx, const struct op_clone *op) {
  if (!ctx->monitor && !ctx->unmonitored) return fail(ctx, EINVAL, "a run plan cannot clone");
  /* Anything else, CLONE_VM for one, would let the child run in this process's memory. */
  if (op->flags & ~(uint64_t)NAMESPACES) return fail(ctx, EINVAL, "flags that make no namespace");
  ctx->clone_flags = op->flags;
  return 0;
}

static int keep_at(int fd, uint32_t number) {
  if (fd == (int)number) return 0;
  int error = dup3(fd, (int)number, O_CLOEXEC) < 0 ? errno : 0;
  close(fd);
  return error;
}

int run_child_netns(struct context *ctx, const struct op_child_netns *op) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/ns/net", ctx->pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ctx->netns_fd = (int)op->fd;
  return keep_at(fd, op->fd);
}

int netns_enter(const char *path) {
  int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  int there = open_host(path, O_RDONLY);
  int error = home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0 ? errno : 0;
  close_fd(&there);
  if (error == 0) return home;
  close_fd(&home);
  errno = error;
  return -1;
}

int netns_leave(int home) {
  int error = setns(home, CLONE_NEWNET) < 0 ? errno : 0;
  close(home);
  return error;
}

int run_pin_netns(struct context *ctx, const struct op_pin_netns *op) {
  if (ctx->mountns_fd < 0) return fail(ctx, EINVAL, "not in an own mount table");
  int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  if (home < 0 || unshare(CLONE_NEWNET) < 0) {
    int error = errno;
    close_fd(&home);
    return error;
  }
  int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  if (error == 0 && mount(OWN_NETNS, op->path, NULL, MS_BIND, NULL) < 0) error = fail(ctx, errno, "%s", op->path);
  int back = netns_leave(home);
  if (error == 0) error = back;
  if (error != 0) {
    close_fd(&fd);
    return error;
  }
  ctx->netns_fd = (int)op->fd;
  return keep_at(fd, op->fd);
}

int run_unshare(struct context *ctx, const struct op_unshare *op) {
  (void)ctx;
  return syscall(SYS_unshare, op->flags) < 0 ? errno : 0;
}

int run_setns(struct context *ctx, const struct op_setns *op) {
  (void)ctx;
  int fd = open_host(op->path, O_RDONLY);
  if (fd < 0) return errno;
  int error = setns(fd, (int)op->ns_type) < 0 ? errno : 0;
  close(fd);
  return error;
}

/* A pid may have been given to another process since it was written down; the time of its start tells. */
int run_join_open(struct context *ctx, const struct op_join_open *op) {
  char path[64];
  char text[1024];
  ctx->join_fd = (int)syscall(SYS_pidfd_open, op->pid, 0);
  if (ctx->join_fd < 0) return errno;
  snprintf(path, sizeof(path), "/proc/%u/stat", op->pid);
  if (read_small_file(AT_FDCWD, path, text, sizeof(text)) < 0) return errno;
  return monitor_start_ticks(text) == op->start_ticks ? 0 : ESRCH;
}

int run_join(struct context *ctx, const struct op_join *op) {
  if (setns(ctx->join_fd, (int)op->flags) < 0) return errno;
  if (!(op->flags & CLONE_NEWNS)) return 0;
  /* In the container's file system; what is open of the host's would be a way back. */
  int error = exec_close_host(ctx);
  if (error != 0) return error;
  ctx->join_fd = -1;
  ctx->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return ctx->root_fd < 0 ? errno : 0;
}

/* By the link of the host's /proc: this process stays where it is, and trusts nothing that is mounted in there. */
int run_root_of(struct context *ctx, const struct op_root_of *op) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%u/root", op->pid);
  close_fd(&ctx->root_fd);
  ctx->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (ctx->root_fd < 0) return errno;
  /* Still there, so the pid was its own when the link was followed. */
  return syscall(SYS_pidfd_send_signal, ctx->join_fd, 0, NULL, 0) < 0 ? errno : 0;
}

int run_set_hostname(struct context *ctx, const struct op_set_hostname *op) {
  (void)ctx;
  return sethostname(op->name, strlen(op->name)) < 0 ? errno : 0;
}

int run_set_domainname(struct context *ctx, const struct op_set_domainname *op) {
  (void)ctx;
  return setdomainname(op->name, strlen(op->name)) < 0 ? errno : 0;
}
