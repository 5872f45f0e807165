#include "pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fence.h"
#include "plan.h"
#include "root.h"
#include "unpack.h"

#define DATA_CHUNK (128u << 10)

struct packer {
  struct context *ctx;
  uint32_t flags;
  uint64_t mount; /* of the tree's own root */
  struct buffer frame;
  char path[PATH_MAX]; /* relative to the tree's root, for entries and errors */
};

static int failed(const struct packer *self, const char *what) {
  return fail(self->ctx, errno, "%s %s", what, *self->path ? self->path : "/");
}

static int send_frame(struct packer *self) {
  uint32_t length = (uint32_t)self->frame.length - 4;
  memcpy(self->frame.data, &length, sizeof(length));
  int error = write_all(STDOUT_FILENO, self->frame.data, self->frame.length);
  self->frame.length = 0;
  return error;
}

static bool put_text(struct buffer *out, const void *bytes, size_t length) {
  return buffer_u32le(out, (uint32_t)length) && buffer_append(out, bytes, length);
}

/* Attributes of what cannot be opened are read by the descriptor's name in /proc: it is this process's own. */
static bool put_xattrs(struct buffer *out, int handle) {
  static char names[XATTR_LIST_MAX];
  static char value[XATTR_SIZE_MAX];
  char self[64];
  uint32_t count = 0;
  size_t count_at = out->length;
  if (!buffer_u32le(out, 0)) return false;
  snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
  ssize_t length = listxattr(self, names, sizeof(names));
  for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
    ssize_t size = getxattr(self, names + at, value, sizeof(value));
    if (size < 0) continue; /* taken away meanwhile */
    if (!put_text(out, names + at, strlen(names + at)) || !put_text(out, value, (size_t)size)) return false;
    count++;
  }
  memcpy(out->data + count_at, &count, sizeof(count));
  return true;
}

static bool put_entry(struct buffer *out, const struct statx *st, const char *path, const char *target, const char *resolved) {
  return buffer_u32le(out, 0) && buffer_u8(out, PACK_ENTRY) && buffer_u32le(out, st->stx_mode) && buffer_u32le(out, st->stx_uid) &&
         buffer_u32le(out, st->stx_gid) && buffer_u32le(out, st->stx_rdev_major) && buffer_u32le(out, st->stx_rdev_minor) &&
         buffer_u32le(out, st->stx_nlink) && buffer_u32le(out, st->stx_mtime.tv_nsec) && buffer_u64le(out, (uint64_t)st->stx_mtime.tv_sec) &&
         buffer_u64le(out, st->stx_size) && buffer_u64le(out, st->stx_ino) &&
         buffer_u64le(out, makedev(st->stx_dev_major, st->stx_dev_minor)) && put_text(out, path, strlen(path)) &&
         put_text(out, target, strlen(target)) && put_text(out, resolved, strlen(resolved));
}

/* Where a symlink leads, as the container sees it; "" when it leads nowhere. */
static void resolve(const struct packer *self, const char *path, char out[PATH_MAX]) {
  char link[64], root[PATH_MAX], found[PATH_MAX];
  out[0] = 0;
  int fd = root_open(self->ctx, path, O_PATH, 0);
  if (fd < 0) return;
  snprintf(link, sizeof(link), "/proc/self/fd/%d", self->ctx->root_fd);
  ssize_t root_length = readlink(link, root, sizeof(root) - 1);
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, found, sizeof(found) - 1);
  close(fd);
  if (root_length < 0 || length < 0) return;
  if (root_length == 1) root_length = 0;
  if (length < root_length || memcmp(found, root, (size_t)root_length) != 0) return;
  snprintf(out, PATH_MAX, "%.*s", (int)(length - root_length), found + root_length);
  if (!*out) strcpy(out, "/");
}

/* As many bytes as the entry says: a file that shrinks meanwhile ends in zeros, as with GNU tar. */
static int send_content(struct packer *self, int handle, uint64_t size) {
  char name[64];
  snprintf(name, sizeof(name), "/proc/self/fd/%d", handle);
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(self, "open");
  int error = 0;
  while (size > 0 && error == 0) {
    size_t want = size < DATA_CHUNK ? (size_t)size : DATA_CHUNK;
    uint8_t *at = buffer_u32le(&self->frame, 0) && buffer_u8(&self->frame, PACK_DATA) ? buffer_reserve(&self->frame, want) : NULL;
    if (!at) {
      error = ENOMEM;
      break;
    }
    ssize_t count = read(fd, at, want);
    if (count < 0 && errno == EINTR) count = 0;
    else if (count < 0) error = failed(self, "read");
    else if (count == 0) memset(at, 0, (size_t)(count = (ssize_t)want));
    self->frame.length += count > 0 ? (size_t)count : 0;
    size -= count > 0 ? (uint64_t)count : 0;
    if (error != 0 || count <= 0) self->frame.length = 0;
    else error = send_frame(self);
  }
  close(fd);
  return error;
}

static int pack_one(struct packer *self, int handle, const char *asked);

static int pack_children(struct packer *self, int handle) {
  int fd = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(self, "open");
  DIR *listing = fdopendir(fd);
  if (!listing) {
    close(fd);
    return ENOMEM;
  }
  size_t length = strlen(self->path);
  int error = 0;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(listing);
    if (!entry) {
      if (errno != 0) error = failed(self, "list");
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    int room = (int)(sizeof(self->path) - length);
    int used = snprintf(self->path + length, (size_t)room, "%s%s", length > 0 ? "/" : "", entry->d_name);
    errno = ENAMETOOLONG;
    int child = used < room ? openat(handle, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    /* ENOENT: removed since the listing. */
    if (child >= 0) error = pack_one(self, child, NULL);
    else if (errno != ENOENT) error = failed(self, "open");
    if (child >= 0) close(child);
    self->path[length] = 0;
    if (error != 0) break;
  }
  closedir(listing);
  return error;
}

/* Apart from what calls itself, because of its buffers: a tree may be as deep as half a path is long. */
static int __attribute__((noinline)) pack_entry(struct packer *self, int handle, const struct statx *st, const char *asked) {
  char target[PATH_MAX] = "", resolved[PATH_MAX] = "";
  if (S_ISLNK(st->stx_mode)) {
    ssize_t length = readlinkat(handle, "", target, sizeof(target) - 1);
    if (length < 0) return failed(self, "read the link");
    target[length] = 0;
    if (asked) resolve(self, asked, resolved);
  }
  if (!put_entry(&self->frame, st, self->path, target, resolved) || !put_xattrs(&self->frame, handle)) return ENOMEM;
  return send_frame(self);
}

/* `asked`: the path that the request named, for the tree's own root. */
static int pack_one(struct packer *self, int handle, const char *asked) {
  struct statx st;
  if (statx(handle, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0) return failed(self, "stat");
  if (asked) self->mount = st.stx_mnt_id;
  if (S_ISSOCK(st.stx_mode) && !asked) return 0; /* no archive can hold one */
  int error = pack_entry(self, handle, &st, asked);
  if (error != 0 || self->flags & PACK_STAT_ONLY) return error;
  if (S_ISREG(st.stx_mode) && !(self->flags & PACK_WITHOUT_DATA)) return send_content(self, handle, st.stx_size);
  bool elsewhere = self->flags & PACK_ONE_FILE_SYSTEM && st.stx_mnt_id != self->mount;
  return S_ISDIR(st.stx_mode) && !elsewhere ? pack_children(self, handle) : 0;
}

int run_pack_tree(struct context *ctx, const struct op_pack_tree *op) {
  static struct packer self;
  self = (struct packer){.ctx = ctx, .flags = op->flags};
  if (!ctx->unmonitored) return fail(ctx, EINVAL, "there is no output to pack to");
  if (!fence(FENCE_OWN_CODE)) fence_enter(ctx->root_fd);
  size_t length = strlen(op->path);
  bool follow = length == 0 || op->path[length - 1] == '/' || (length > 1 && strcmp(op->path + length - 2, "/.") == 0);
  int handle = root_open(ctx, op->path, O_PATH | (follow ? O_DIRECTORY : O_NOFOLLOW), 0);
  if (handle < 0) return errno;
  int error = pack_one(&self, handle, op->path);
  close(handle);
  buffer_free(&self.frame);
  return error;
}

int run_unpack_tree(struct context *ctx, const struct op_unpack_tree *op) {
  static struct unpack_tree tree;
  if (!ctx->unmonitored) return fail(ctx, EINVAL, "there is no input to unpack from");
  if (!fence(FENCE_OWN_CODE)) fence_enter(ctx->root_fd);
  unpack_tree_init(&tree, ctx->root_fd);
  tree.keep_kinds = op->keep_kinds != 0;
  if (unpack_stream(&tree) == 0) return 0;
  return fail(ctx, tree.error, "%s %s", tree.operation, tree.path);
}
