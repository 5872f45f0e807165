/*
 * tmpcopyup: what an image has in a directory is copied into the file system that was mounted over it. Everything is
 * reached by descriptors, and of the image only directories, regular files and links are touched.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan.h"
#include "root.h"

/* Each level takes three descriptors. */
#define DEPTH_MAX 128
#define CHUNK 65536

static int copy_directory(struct context *ctx, int from, int to, unsigned depth);

int run_copy_from(struct context *ctx, const struct op_copy_from *op) {
  close_fd(&ctx->copy_fd);
  ctx->copy_fd = root_open(ctx, op->path, O_RDONLY | O_DIRECTORY, 0);
  return ctx->copy_fd < 0 && errno != ENOENT ? errno : 0;
}

static int copy_bytes(int from, int to) {
  char *chunk = malloc(CHUNK);
  if (!chunk) return ENOMEM;
  int error = 0;
  while (error == 0) {
    ssize_t count = read(from, chunk, CHUNK);
    if (count == 0) break;
    if (count > 0) error = write_all(to, chunk, (size_t)count);
    else if (errno != EINTR) error = errno;
  }
  free(chunk);
  return error;
}

/* Owner first: a change of it takes set-uid bits away. Times last: what is made inside changes them. */
static int copy_owner(int to, const struct stat *info) {
  if (fchown(to, info->st_uid, info->st_gid) < 0) return errno;
  return fchmod(to, info->st_mode & 07777) < 0 ? errno : 0;
}

static int copy_times(int to, const struct stat *info) {
  const struct timespec times[2] = {info->st_atim, info->st_mtim};
  return futimens(to, times) < 0 ? errno : 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *info) {
  /* It was looked at by `from`, which is only a path: what is opened for reading is the very same file. */
  char self[64];
  snprintf(self, sizeof(self), "/proc/self/fd/%d", from);
  int in = open(self, O_RDONLY | O_CLOEXEC);
  int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int error = out < 0 ? errno : copy_bytes(in, out);
  if (error == 0) error = copy_owner(out, info);
  if (error == 0) error = copy_times(out, info);
  close_fd(&in);
  close_fd(&out);
  return error;
}

static int copy_link(int from, int to, const char *name, const struct stat *info) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from, "", target, sizeof(target) - 1);
  if (length < 0) return errno;
  target[length] = 0;
  if (symlinkat(target, to, name) < 0) return errno;
  return fchownat(to, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static int copy_tree(struct context *ctx, int from, int to, const char *name, const struct stat *info, unsigned depth) {
  if (depth >= DEPTH_MAX) return fail(ctx, ELOOP, "more than %u directories deep", DEPTH_MAX);
  int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = in < 0 || mkdirat(to, name, 0700) < 0 ? errno : 0;
  int out = error == 0 ? openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
  if (error == 0 && out < 0) error = errno;
  if (error == 0) error = copy_directory(ctx, in, out, depth + 1);
  if (error == 0) error = copy_owner(out, info);
  if (error == 0) error = copy_times(out, info);
  close_fd(&in);
  close_fd(&out);
  return error;
}

static int copy_entry(struct context *ctx, int from, int to, const char *name, unsigned depth) {
  struct stat info;
  int entry = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (entry < 0) return fail(ctx, errno, "%s", name);
  int error = fstat(entry, &info) < 0 ? errno : 0;
  if (error == 0 && S_ISDIR(info.st_mode)) error = copy_tree(ctx, entry, to, name, &info, depth);
  else if (error == 0 && S_ISREG(info.st_mode)) error = copy_file(entry, to, name, &info);
  else if (error == 0 && S_ISLNK(info.st_mode)) error = copy_link(entry, to, name, &info);
  close(entry);
  return error == 0 || *ctx->report->detail ? error : fail(ctx, error, "%s", name);
}

static int copy_directory(struct context *ctx, int from, int to, unsigned depth) {
  int own = dup(from);
  DIR *listing = own < 0 ? NULL : fdopendir(own);
  if (!listing) {
    int error = errno;
    close_fd(&own);
    return error;
  }
  int error = 0;
  for (const struct dirent *item; error == 0;) {
    errno = 0;
    item = readdir(listing);
    if (!item) {
      error = errno;
      break;
    }
    if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) error = copy_entry(ctx, from, to, item->d_name, depth);
  }
  closedir(listing);
  return error;
}

/* The directory itself keeps what the mount's own options say (mode=, uid=), as with runc. */
int run_copy_up(struct context *ctx, const struct op_copy_up *op) {
  if (ctx->copy_fd < 0) return 0;
  int to = root_open(ctx, op->path, O_RDONLY | O_DIRECTORY, 0);
  int error = to < 0 ? errno : copy_directory(ctx, ctx->copy_fd, to, 0);
  close_fd(&to);
  close_fd(&ctx->copy_fd);
  return error;
}
