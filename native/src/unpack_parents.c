/* Finding and making the directories that entries live in, below the layer's root, with a cache of open ones. */
#include "unpack_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fence.h"

/* A symlink on the way resolves as it will for the container: with the layer directory as its root. */
int unpack_open(const struct unpack_tree *tree, const char *path, int flags)
{
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  if (!fence(FENCE_IN_ROOT))
    how.resolve = 0;
  long fd = -1;
  /* EAGAIN: `..` of a symlink raced with any rename on the machine and could not be verified. */
  for (int tries = 0; tries < 1000; tries++) {
    fd = syscall(SYS_openat2, tree->root, *path == '\0' ? "." : path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
      break;
  }
  return (int)fd;
}

int unpack_is_whiteout(const struct stat *st)
{
  return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int unpack_mark_opaque(int parent, const char *base)
{
  int fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -1;
  int result = fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0);
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

int unpack_make_directory(struct unpack_tree *tree, int parent, const char *base, uint32_t mode, int replace)
{
  struct stat st;
  if (mkdirat(parent, base, mode & 07777) == 0)
    return 0;
  if (errno != EEXIST || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return -1;
  if (S_ISDIR(st.st_mode))
    return 0;
  int whiteout = unpack_is_whiteout(&st);
  if (!whiteout && !replace) {
    errno = S_ISLNK(st.st_mode) ? ENOENT : ENOTDIR;
    return -1;
  }
  unpack_forget_parents(tree);
  if (unlinkat(parent, base, 0) < 0 || mkdirat(parent, base, mode & 07777) < 0)
    return -1;
  /* The name was deleted before it was made anew: what lower layers have below it must not come back. */
  return whiteout ? unpack_mark_opaque(parent, base) : 0;
}

/* Makes what is missing of a directory path, 0755 root. The path's length was checked. */
static int make_parents(struct unpack_tree *tree, const char *path)
{
  char buffer[UNPACK_PATH_MAX];
  int above = dup(tree->root);
  size_t start = 0, length = strlen(path);
  memcpy(buffer, path, length + 1);
  while (above >= 0 && start < length) {
    size_t end = start + strcspn(buffer + start, "/");
    buffer[end] = '\0';
    int fd = unpack_open(tree, buffer, O_PATH | O_DIRECTORY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) &&
      unpack_make_directory(tree, above, buffer + start, 0755, 0) == 0)
      fd = unpack_open(tree, buffer, O_PATH | O_DIRECTORY);
    int error = errno;
    close(above);
    errno = error;
    above = fd;
    if (end < length)
      buffer[end] = '/';
    start = end + 1;
  }
  return above;
}

int unpack_directory(struct unpack_tree *tree, const char *path, int make)
{
  int fd = unpack_open(tree, path, O_PATH | O_DIRECTORY);
  if (fd < 0 && make && (errno == ENOENT || errno == ENOTDIR))
    fd = make_parents(tree, path);
  return fd;
}

void unpack_forget_parents(struct unpack_tree *tree)
{
  for (int i = 0; i < UNPACK_CACHE_SLOTS; i++) {
    struct unpack_slot *slot = &tree->cache[i];
    if (slot->path == NULL)
      continue;
    unpack_retire(tree, slot->fd);
    free(slot->path);
    slot->path = NULL;
  }
}

static uint64_t hash_path(const char *path, size_t length)
{
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < length; i++)
    hash = (hash ^ (uint8_t)path[i]) * UINT64_C(1099511628211);
  return hash;
}

/* The directory that holds the path's last component, and that component. The descriptor belongs to the cache. */
int unpack_parent(struct unpack_tree *tree, const char *path, int make, const char **base)
{
  const char *slash = strrchr(path, '/');
  if (slash == NULL) {
    *base = path;
    return tree->root;
  }
  *base = slash + 1;
  size_t length = (size_t)(slash - path);
  uint64_t hash = hash_path(path, length);
  struct unpack_slot *slot = &tree->cache[hash % UNPACK_CACHE_SLOTS];
  if (slot->path != NULL && slot->hash == hash && strncmp(slot->path, path, length) == 0 &&
    slot->path[length] == '\0')
    return slot->fd;
  char *key = strndup(path, length);
  int fd = key == NULL ? -1 : unpack_directory(tree, key, make);
  if (fd < 0) {
    int error = errno;
    free(key);
    errno = error;
    return -1;
  }
  if (slot->path != NULL) {
    unpack_retire(tree, slot->fd);
    free(slot->path);
  }
  *slot = (struct unpack_slot){key, hash, fd};
  return fd;
}
