/* Operations on the host: cgroup directories and files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"
#include "unpack.h"

#define RMDIR_PATIENCE_MS 500
#define RMDIR_PAUSE_NS 1000000

int run_mkdir(struct context *ctx, const struct op_mkdir *op) {
  (void)ctx;
  return mkdir(op->path, op->mode) < 0 && errno != EEXIST ? errno : 0;
}

/* One write(2): cgroup files take a value whole or not at all. */
static int write_once(const char *path, const void *data, size_t length) {
  int fd = open_host(path, O_WRONLY);
  if (fd < 0) return errno;
  ssize_t written = write(fd, data, length);
  int error = written < 0 ? errno : (size_t)written == length ? 0 : EIO;
  close(fd);
  return error;
}

int run_write(struct context *ctx, const struct op_write *op) {
  (void)ctx;
  return write_once(op->path, op->data.data, op->data.length);
}

int run_rmdir(struct context *ctx, const struct op_rmdir *op) {
  (void)ctx;
  int64_t deadline = monotonic_ms() + RMDIR_PATIENCE_MS;
  for (;;) {
    if (rmdir(op->path) == 0 || errno == ENOENT) return 0;
    if (errno != EBUSY || monotonic_ms() >= deadline) return errno;
    struct timespec pause = {.tv_nsec = RMDIR_PAUSE_NS};
    nanosleep(&pause, NULL);
  }
}

int run_sync_file(struct context *ctx, const struct op_sync_file *op) {
  (void)ctx;
  int fd = open_host(op->path, O_RDONLY);
  int error = fd < 0 || fsync(fd) < 0 ? errno : 0;
  close_fd(&fd);
  return error;
}

int run_remove_tree(struct context *ctx, const struct op_remove_tree *op) {
  char parent[PATH_MAX];
  const char *slash = strrchr(op->path, '/');
  if (!slash || slash == op->path || (size_t)(slash - op->path) >= sizeof(parent)) return fail(ctx, EINVAL, "not the path of a tree");
  memcpy(parent, op->path, (size_t)(slash - op->path));
  parent[slash - op->path] = 0;
  int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno == ENOENT ? 0 : errno;
  int error = unpack_remove(directory, slash + 1) < 0 && errno != ENOENT ? errno : 0;
  close(directory);
  return error;
}

int run_cgroup_into(struct context *ctx, const struct op_cgroup_into *op) {
  ctx->cgroup_fd = open(op->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return ctx->cgroup_fd < 0 ? errno : 0;
}

int run_cgroup_join(struct context *ctx, const struct op_cgroup_join *op) {
  (void)ctx;
  return write_once(op->path, "0", 1);
}
