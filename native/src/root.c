#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fence.h"

#define LINK_DEPTH_MAX 40 /* as the kernel's own limit for one resolution */
#define RETRY_MAX 128

int root_open(const struct context *ctx, const char *path, uint64_t flags, uint32_t mode) {
  if (ctx->root_fd < 0) {
    errno = EBADF;
    return -1;
  }
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = flags & O_CREAT ? mode : 0, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  if (!fence(FENCE_IN_ROOT)) {
    how.resolve = 0;
    path += strspn(path, "/");
    if (!*path) path = ".";
  }
  long fd = -1;
  /*
   * EAGAIN: something was renamed or mounted elsewhere while ".." was resolved, and the kernel could not rule out an
   * escape.
   */
  for (int i = 0; i < RETRY_MAX; i++) {
    fd = syscall(SYS_openat2, ctx->root_fd, *path ? path : "/", &how, sizeof(how));
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fence(FENCE_BY_DESCRIPTOR) ? (int)fd : fence_by_name((int)fd, flags);
}

/* Splits off the last component; false when there is none ("/", ""). */
static bool split(const char *path, char parent[PATH_MAX], char name[NAME_MAX + 1]) {
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/') end--;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') begin--;
  if (end == begin || begin >= PATH_MAX || end - begin > NAME_MAX) return false;
  memcpy(parent, path, begin);
  parent[begin] = 0;
  memcpy(name, path + begin, end - begin);
  name[end - begin] = 0;
  return true;
}

static int mkdirs_at_depth(const struct context *ctx, const char *path, uint32_t mode, struct owner owner, int depth);

/* `name` exists below `at` although the whole path does not: a dangling link, whose target is made instead. */
static int mkdirs_behind_link(const struct context *ctx, int at, const char *parent, const char *name, uint32_t mode, struct owner owner,
                              int depth) {
  char target[PATH_MAX];
  char joined[PATH_MAX * 2];
  ssize_t length = readlinkat(at, name, target, sizeof(target) - 1);
  if (length < 0) return -1;
  target[length] = 0;
  size_t used = target[0] == '/' ? 0 : strlen(parent);
  memcpy(joined, parent, used);
  memcpy(joined + used, target, (size_t)length + 1);
  if (strlen(joined) >= PATH_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return mkdirs_at_depth(ctx, joined, mode, owner, depth + 1);
}

static int make_one(const struct context *ctx, int at, const char *parent, const char *name, uint32_t mode, struct owner owner, int depth) {
  if (mkdirat(at, name, mode) < 0) {
    return errno == EEXIST ? mkdirs_behind_link(ctx, at, parent, name, mode, owner, depth) : -1;
  }
  if ((owner.uid || owner.gid) && fchownat(at, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0) return -1;
  return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where only the last component is missing, as nearly always. False: more is. */
static bool make_last(const struct context *ctx, const char *path, uint32_t mode, struct owner owner, int depth, int *fd) {
  char parent[PATH_MAX];
  char name[NAME_MAX + 1];
  if (!split(path, parent, name)) return false;
  int at = root_open(ctx, parent, O_PATH | O_DIRECTORY, 0);
  if (at < 0) return false;
  *fd = make_one(ctx, at, parent, name, mode, owner, depth);
  int error = errno;
  close(at);
  errno = error;
  return true;
}

/* One component at a time and not one call for each: an image's path may have two thousand of them. */
static int mkdirs_at_depth(const struct context *ctx, const char *path, uint32_t mode, struct owner owner, int depth) {
  int fd = root_open(ctx, path, O_PATH | O_DIRECTORY, 0);
  if (fd >= 0 || errno != ENOENT) return fd;
  if (depth <= LINK_DEPTH_MAX && make_last(ctx, path, mode, owner, depth, &fd)) return fd;
  char prefix[PATH_MAX];
  char parent[PATH_MAX];
  size_t length = strlen(path);
  if (length >= PATH_MAX || depth > LINK_DEPTH_MAX) {
    errno = length >= PATH_MAX ? ENAMETOOLONG : ELOOP;
    return -1;
  }
  int at = root_open(ctx, "/", O_PATH | O_DIRECTORY, 0);
  for (size_t begin = strspn(path, "/"); at >= 0 && begin < length; begin += strspn(path + begin, "/")) {
    size_t end = begin + strcspn(path + begin, "/");
    memcpy(prefix, path, end);
    prefix[end] = 0;
    memcpy(parent, path, begin);
    parent[begin] = 0;
    fd = root_open(ctx, prefix, O_PATH | O_DIRECTORY, 0);
    if (fd < 0 && errno == ENOENT) fd = make_one(ctx, at, parent, prefix + begin, mode, owner, depth);
    int error = errno;
    close(at);
    errno = error;
    at = fd;
    begin = end;
  }
  return at;
}

int root_mkdirs(const struct context *ctx, const char *path, uint32_t mode, struct owner owner) {
  return mkdirs_at_depth(ctx, path, mode, owner, 0);
}

int root_parent(const struct context *ctx, const char *path, char *name) {
  char parent[PATH_MAX];
  if (!split(path, parent, name)) {
    errno = EINVAL;
    return -1;
  }
  return root_open(ctx, parent, O_PATH | O_DIRECTORY, 0);
}

int root_touch(const struct context *ctx, const char *path) {
  int fd = root_open(ctx, path, O_PATH, 0);
  if (fd >= 0 || errno != ENOENT) return fd;
  char parent[PATH_MAX];
  char name[NAME_MAX + 1];
  if (!split(path, parent, name)) {
    errno = EINVAL;
    return -1;
  }
  int at = root_mkdirs(ctx, parent, 0755, (struct owner){0, 0});
  if (at < 0) return -1;
  close(at);
  /* Not O_EXCL: a dangling link is followed, in root, and its target made. */
  return root_open(ctx, path, O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
}
