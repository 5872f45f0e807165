/* Writes below /proc: only ever through a descriptor that is known to be procfs (the CVE-2025-52881 family). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fence.h"
#include "netns.h"
#include "plan.h"
#include "root.h"

#define PROC_ROOT_INO 1

/* The root directory of a procfs, not something else or a subdirectory bound over it. */
static bool is_procfs_root(int fd) {
  struct statfs fs;
  struct stat info;
  if (!fence(FENCE_PROCFS)) return true;
  return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(fd, &info) == 0 && info.st_ino == PROC_ROOT_INO;
}

/* Opens `path` below the procfs `proc` for writing; nothing mounted over a part of it is entered. */
static int open_below(int proc, const char *path, uint64_t resolve) {
  struct open_how how = {.flags = O_WRONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve};
  if (!fence(FENCE_PROCFS)) how.resolve = 0;
  return (int)syscall(SYS_openat2, proc, path, &how, sizeof(how));
}

static int write_file(int proc, const char *path, uint64_t resolve, const void *data, size_t length) {
  int fd = open_below(proc, path, resolve);
  if (fd < 0) return errno;
  ssize_t written = write(fd, data, length);
  int error = written < 0 ? errno : (size_t)written == length ? 0 : EIO;
  close(fd);
  return error;
}

static int write_below(struct context *ctx, int proc, const char *path, uint64_t resolve, const void *data, size_t length) {
  if (!is_procfs_root(proc)) return fail(ctx, EINVAL, "/proc is not procfs");
  return write_file(proc, path, resolve, data, length);
}

static int write_all_files(struct context *ctx, int proc, struct plan_strs files) {
  const char *prefix = "/proc/";
  if (!is_procfs_root(proc)) return fail(ctx, EINVAL, "/proc is not procfs");
  if (files.count % 2 != 0) return fail(ctx, EINVAL, "a file without a value");
  while (files.count > 0) {
    const char *path = plan_strs_next(&files);
    const char *value = plan_strs_next(&files);
    bool below = strncmp(path, prefix, strlen(prefix)) == 0;
    int error = below ? write_file(proc, path + strlen(prefix), RESOLVE_NO_SYMLINKS, value, strlen(value)) : EINVAL;
    if (error != 0) return fail(ctx, error, "%s", path);
  }
  return 0;
}

int run_write_proc(struct context *ctx, const struct op_write_proc *op) {
  int proc = root_open(ctx, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
  if (proc < 0) return errno;
  int error = write_all_files(ctx, proc, op->files);
  close(proc);
  return error;
}

/* What is below /proc/sys/net is that of the reader's network. */
int run_write_in(struct context *ctx, const struct op_write_in *op) {
  int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int home = proc < 0 ? -1 : netns_enter(op->netns);
  if (home < 0) {
    int error = errno;
    close_fd(&proc);
    return fail(ctx, error, "%s", op->netns);
  }
  int error = write_all_files(ctx, proc, op->files);
  int back = netns_leave(home);
  close(proc);
  return error != 0 ? error : back;
}

int run_write_self(struct context *ctx, const struct op_write_self *op) {
  char path[256];
  int length = snprintf(path, sizeof(path), "self/%s", op->path);
  if (length < 0 || (size_t)length >= sizeof(path)) return ENAMETOOLONG;
  int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (proc < 0) return errno;
  int error = write_below(ctx, proc, path, 0, op->data.data, op->data.length);
  close(proc);
  return error;
}

int run_oom_score_adj(struct context *ctx, const struct op_oom_score_adj *op) {
  char text[16];
  int length = snprintf(text, sizeof(text), "%d", op->value);
  /* Before the pivot this is the host's procfs, after it the container's; "self" is this process in both. */
  int proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (proc < 0) return errno;
  int error = write_below(ctx, proc, "self/oom_score_adj", 0, text, (size_t)length);
  close(proc);
  return error;
}
