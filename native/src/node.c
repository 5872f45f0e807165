/* Files, directories, devices and links inside the rootfs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plan.h"
#include "root.h"

int run_mkdir_in(struct context *ctx, const struct op_mkdir_in *op) {
  int fd = root_mkdirs(ctx, op->path, op->mode, (struct owner){op->uid, op->gid});
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

/* A node that is there already is fine when it is the same device: the user may have bound the host's /dev. */
static int accept_existing(int parent, const char *name, mode_t type, dev_t device) {
  struct stat info;
  if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return errno;
  if ((info.st_mode & S_IFMT) != type) return EEXIST;
  return type == S_IFIFO || info.st_rdev == device ? 0 : EEXIST;
}

/* As root_parent, but makes the directory when it is missing: `/dev/net/tun` in a /dev made a moment ago. */
static int make_parent(struct context *ctx, const char *path, char *name) {
  int parent = root_parent(ctx, path, name);
  if (parent >= 0 || errno != ENOENT) return parent;
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (!slash || (size_t)(slash - path) >= sizeof(directory)) return -1;
  memcpy(directory, path, (size_t)(slash - path));
  directory[slash - path] = 0;
  parent = root_mkdirs(ctx, directory, 0755, (struct owner){0, 0});
  if (parent < 0) return -1;
  close(parent);
  return root_parent(ctx, path, name);
}

int run_mknod_in(struct context *ctx, const struct op_mknod_in *op) {
  char name[NAME_MAX + 1];
  int parent = make_parent(ctx, op->path, name);
  if (parent < 0) return errno;
  dev_t device = makedev(op->major, op->minor);
  int error = 0;
  if (mknodat(parent, name, op->mode, device) < 0) {
    error = errno == EEXIST ? accept_existing(parent, name, op->mode & S_IFMT, device) : errno;
  } else if ((op->uid || op->gid) && fchownat(parent, name, op->uid, op->gid, AT_SYMLINK_NOFOLLOW) < 0) {
    error = errno;
  }
  close(parent);
  return error;
}

int run_symlink_in(struct context *ctx, const struct op_symlink_in *op) {
  char name[NAME_MAX + 1];
  int parent = root_parent(ctx, op->path, name);
  if (parent < 0) return errno;
  int error = symlinkat(op->target, parent, name) < 0 ? errno : 0;
  close(parent);
  /* /dev may be the user's own; what is there stays. */
  return error == EEXIST ? 0 : error;
}

#define PROC_FILE_MAX 4096

/*
 * Opens a regular file without touching anything else: a device or a FIFO of the image is never opened, only looked at.
 */
static int open_regular(const struct context *ctx, const char *path, off_t *size) {
  int handle = root_open(ctx, path, O_PATH, 0);
  if (handle < 0) return -1;
  struct stat info;
  char self[64];
  int fd = -1;
  if (fstat(handle, &info) < 0) {
    /* errno says it */
  } else if (!S_ISREG(info.st_mode)) {
    errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  } else {
    *size = info.st_size;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
    fd = open(self, O_RDONLY | O_CLOEXEC);
  }
  int error = errno;
  close(handle);
  errno = error;
  return fd;
}

static int append_file(struct context *ctx, int fd, size_t size) {
  struct buffer *results = &ctx->results;
  if (!buffer_u8(results, 1)) return ENOMEM;
  size_t length_at = results->length;
  if (!buffer_u32le(results, 0) || !buffer_reserve(results, size)) return ENOMEM;
  size_t total = 0;
  while (total < size) {
    ssize_t count = read(fd, results->data + results->length, size - total);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) break;
    results->length += (size_t)count;
    total += (size_t)count;
  }
  uint32_t length = (uint32_t)total;
  memcpy(results->data + length_at, &length, sizeof(length));
  ctx->result_count++;
  return 0;
}

int run_read_file_in(struct context *ctx, const struct op_read_file_in *op) {
  off_t size = 0;
  int fd = open_regular(ctx, op->path, &size);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    ctx->result_count++;
    return buffer_u8(&ctx->results, 0) ? 0 : ENOMEM;
  }
  if (fd < 0) return errno;
  /* Files of procfs say that they are empty. */
  if (size == 0) size = op->max_bytes < PROC_FILE_MAX ? (off_t)op->max_bytes : PROC_FILE_MAX;
  int error = size > (off_t)op->max_bytes ? fail(ctx, EFBIG, "larger than %u bytes", op->max_bytes) : append_file(ctx, fd, (size_t)size);
  close(fd);
  return error;
}
