/*
 * Makes the entries of a layer. An entry stays current until the next one starts, so that its data and attributes can
 * follow it; then it is settled: mode after ownership (chown clears setuid), time last.
 */
#include "unpack_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TIME_BYTES_MAX = 64 << 20 };

int unpack_fail(struct unpack_tree *tree, const char *operation, int error)
{
  tree->operation = operation;
  tree->error = error;
  return -1;
}

void unpack_tree_init(struct unpack_tree *tree, int root)
{
  memset(tree, 0, sizeof *tree);
  tree->root = root;
  tree->current.fd = -1;
}

void unpack_retire(struct unpack_tree *tree, int fd)
{
  /* One entry evicts at most the whole cache and the two parents that it looked up itself. */
  if (tree->retired_count == sizeof tree->retired / sizeof *tree->retired)
    abort();
  tree->retired[tree->retired_count++] = fd;
}

static int settle_file(struct unpack_tree *tree)
{
  struct unpack_current *current = &tree->current;
  if (current->received != current->size)
    return unpack_fail(tree, "match the file's size", EBADMSG);
  if (current->ends_in_hole && ftruncate(current->fd, (off_t)current->size) < 0)
    return unpack_fail(tree, "extend", errno);
  if (current->chmod_due && fchmod(current->fd, current->mode & 07777) < 0)
    return unpack_fail(tree, "set the mode", errno);
  struct timespec times[2] = {current->mtime, current->mtime};
  if (futimens(current->fd, times) < 0)
    return unpack_fail(tree, "set the time", errno);
  tree->bytes += current->size;
  return 0;
}

static int settle(struct unpack_tree *tree)
{
  struct unpack_current *current = &tree->current;
  int result = current->kind == UNPACK_FILE ? settle_file(tree) : 0;
  if (current->fd >= 0 && close(current->fd) < 0 && result == 0)
    result = unpack_fail(tree, "close", errno);
  current->fd = -1;
  current->kind = 0;
  while (tree->retired_count > 0)
    close(tree->retired[--tree->retired_count]);
  return result;
}

static int remove_existing(struct unpack_tree *tree, int parent, const char *base)
{
  struct stat st;
  if (tree->keep_kinds && fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
    return unpack_fail(tree, "overwrite a directory with another kind of file", EISDIR);
  unpack_forget_parents(tree);
  return unpack_remove(parent, base) < 0 ? unpack_fail(tree, "replace", errno) : 0;
}

static int grow(void **memory, size_t *capacity, size_t need, size_t unit)
{
  if (need <= *capacity)
    return 0;
  size_t wanted = *capacity * 2 > need ? *capacity * 2 : need + 1024;
  if (wanted * unit > TIME_BYTES_MAX) {
    errno = ENOMEM;
    return -1;
  }
  void *larger = realloc(*memory, wanted * unit);
  if (larger == NULL)
    return -1;
  *memory = larger;
  *capacity = wanted;
  return 0;
}

static int remember_time(struct unpack_tree *tree, const struct unpack_entry *entry, ino_t inode)
{
  size_t length = strlen(entry->path) + 1;
  if (grow((void **)&tree->times, &tree->time_capacity, tree->time_count + 1, sizeof *tree->times) < 0 ||
    grow((void **)&tree->paths, &tree->paths_capacity, tree->paths_length + length, 1) < 0)
    return unpack_fail(tree, "remember directory times", errno);
  tree->times[tree->time_count++] = (struct unpack_dir_time){
    .inode = inode,
    .seconds = entry->mtime_s,
    .nanoseconds = entry->mtime_ns,
    .path_offset = (uint32_t)tree->paths_length,
  };
  memcpy(tree->paths + tree->paths_length, entry->path, length);
  tree->paths_length += length;
  return 0;
}

/* Brings owner and mode of an open file or directory to the entry's; both are mostly right from creation. */
static int fix_owner(struct unpack_tree *tree, const struct unpack_entry *entry, struct stat *st)
{
  struct unpack_current *current = &tree->current;
  if (fstat(current->fd, st) < 0)
    return unpack_fail(tree, "stat", errno);
  int chown_due = st->st_uid != entry->uid || st->st_gid != entry->gid;
  if (chown_due && fchown(current->fd, entry->uid, entry->gid) < 0)
    return unpack_fail(tree, "set the owner", errno);
  current->chmod_due = (st->st_mode & 07777) != (entry->mode & 07777) || (chown_due && (entry->mode & 06000) != 0);
  return 0;
}

static int make_dir(struct unpack_tree *tree, const struct unpack_entry *entry)
{
  struct unpack_current *current = &tree->current;
  struct stat st;
  if (entry->path[0] != '\0' &&
    unpack_make_directory(tree, current->parent, current->base, entry->mode & 0777, !tree->keep_kinds) < 0)
    return unpack_fail(tree, "make directory", errno);
  current->fd = openat(current->parent, entry->path[0] == '\0' ? "." : current->base,
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (current->fd < 0)
    return unpack_fail(tree, "open directory", errno);
  if (fix_owner(tree, entry, &st) < 0)
    return -1;
  if (current->chmod_due && fchmod(current->fd, entry->mode & 07777) < 0)
    return unpack_fail(tree, "set the mode", errno);
  return remember_time(tree, entry, st.st_ino);
}

static int make_file(struct unpack_tree *tree, const struct unpack_entry *entry)
{
  struct unpack_current *current = &tree->current;
  const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
  struct stat st;
  current->fd = openat(current->parent, current->base, flags, entry->mode & 0777);
  if (current->fd < 0 && errno == EEXIST) {
    if (remove_existing(tree, current->parent, current->base) < 0)
      return -1;
    current->fd = openat(current->parent, current->base, flags, entry->mode & 0777);
  }
  if (current->fd < 0)
    return unpack_fail(tree, "create", errno);
  current->size = entry->arg;
  return fix_owner(tree, entry, &st);
}

static int make_once(const struct unpack_entry *entry, enum unpack_opcode kind, int parent, const char *base,
                     int target_parent, const char *target_base)
{
  if (kind == UNPACK_SYMLINK)
    return symlinkat(entry->target, parent, base);
  if (kind == UNPACK_HARDLINK)
    return linkat(target_parent, target_base, parent, base, 0);
  return mknodat(parent, base, entry->mode & (S_IFMT | 0777), makedev((unsigned)(entry->arg >> 32), (unsigned)entry->arg));
}

/* Metadata of what cannot be opened. Touched only where it differs: chown of a hard link would drop its capabilities. */
static int fix_by_name(struct unpack_tree *tree, const struct unpack_entry *entry)
{
  struct unpack_current *current = &tree->current;
  struct stat st;
  if (fstatat(current->parent, current->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return unpack_fail(tree, "stat", errno);
  int chown_due = st.st_uid != entry->uid || st.st_gid != entry->gid;
  if (chown_due && fchownat(current->parent, current->base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
    return unpack_fail(tree, "set the owner", errno);
  int chmod_due = (st.st_mode & 07777) != (entry->mode & 07777) || (chown_due && (entry->mode & 06000) != 0);
  if (!S_ISLNK(st.st_mode) && chmod_due && fchmodat(current->parent, current->base, entry->mode & 07777, 0) < 0)
    return unpack_fail(tree, "set the mode", errno);
  struct timespec times[2] = {current->mtime, current->mtime};
  if ((st.st_mtim.tv_sec != current->mtime.tv_sec || st.st_mtim.tv_nsec != current->mtime.tv_nsec) &&
    utimensat(current->parent, current->base, times, AT_SYMLINK_NOFOLLOW) < 0)
    return unpack_fail(tree, "set the time", errno);
  return 0;
}

static int is_link_to_itself(int target_parent, const char *target, int parent, const char *base)
{
  struct stat a, b;
  return strcmp(target, base) == 0 && fstat(target_parent, &a) == 0 && fstat(parent, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int make_other(struct unpack_tree *tree, enum unpack_opcode kind, const struct unpack_entry *entry)
{
  struct unpack_current *current = &tree->current;
  const char *operation = kind == UNPACK_SYMLINK ? "make symlink" : kind == UNPACK_HARDLINK ? "link" : "make node";
  const char *target_base = "";
  int target_parent = -1;
  if (kind == UNPACK_HARDLINK) {
    target_parent = unpack_parent(tree, entry->target, 0, &target_base);
    if (target_parent < 0 || *target_base == '\0')
      return unpack_fail(tree, "find the hard link's target", target_parent < 0 ? errno : EISDIR);
    if (is_link_to_itself(target_parent, target_base, current->parent, current->base))
      return unpack_fail(tree, "link to itself", ELOOP);
  }
  if (make_once(entry, kind, current->parent, current->base, target_parent, target_base) < 0) {
    if (errno != EEXIST)
      return unpack_fail(tree, operation, errno);
    if (remove_existing(tree, current->parent, current->base) < 0)
      return -1;
    if (make_once(entry, kind, current->parent, current->base, target_parent, target_base) < 0)
      return unpack_fail(tree, operation, errno);
  }
  return fix_by_name(tree, entry);
}

/* A whiteout speaks of lower layers only: what this layer itself has under the name stays. */
static int make_whiteout(struct unpack_tree *tree)
{
  struct unpack_current *current = &tree->current;
  struct stat st;
  if (mknodat(current->parent, current->base, S_IFCHR, makedev(0, 0)) == 0)
    return 0;
  if (errno != EEXIST || fstatat(current->parent, current->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return unpack_fail(tree, "make whiteout", errno);
  if (S_ISDIR(st.st_mode) && unpack_mark_opaque(current->parent, current->base) < 0)
    return unpack_fail(tree, "mark opaque", errno);
  return 0;
}

static int make_opaque(struct unpack_tree *tree, const char *path)
{
  int fd = unpack_directory(tree, path, 1);
  if (fd < 0)
    return unpack_fail(tree, "make directory", errno);
  int result = unpack_mark_opaque(fd, ".");
  int error = errno;
  close(fd);
  return result < 0 ? unpack_fail(tree, "mark opaque", error) : 0;
}

int unpack_tree_entry(struct unpack_tree *tree, enum unpack_opcode kind, const struct unpack_entry *entry)
{
  struct unpack_current *current = &tree->current;
  if (settle(tree) < 0)
    return -1;
  tree->index = entry->index;
  if (strlen(entry->path) >= sizeof tree->path)
    return unpack_fail(tree, "use the name", ENAMETOOLONG);
  strcpy(tree->path, entry->path);
  *current = (struct unpack_current){.fd = -1, .mode = entry->mode};
  tree->entries++;
  if (kind == UNPACK_OPAQUE)
    return make_opaque(tree, tree->path);
  current->parent = unpack_parent(tree, tree->path, 1, &current->base);
  if (current->parent < 0)
    return unpack_fail(tree, "make parent directories", errno);
  int is_root = kind == UNPACK_DIR && tree->path[0] == '\0';
  if (!is_root && (*current->base == '\0' || strcmp(current->base, ".") == 0 || strcmp(current->base, "..") == 0))
    return unpack_fail(tree, "use the name", EINVAL);
  current->mtime = (struct timespec){entry->mtime_s, entry->mtime_ns};
  current->kind = kind;
  if (kind == UNPACK_DIR)
    return make_dir(tree, entry);
  if (kind == UNPACK_FILE)
    return make_file(tree, entry);
  return kind == UNPACK_WHITEOUT ? make_whiteout(tree) : make_other(tree, kind, entry);
}

int unpack_tree_data(struct unpack_tree *tree, const void *data, size_t length)
{
  struct unpack_current *current = &tree->current;
  if (current->kind != UNPACK_FILE || length > current->size - current->received)
    return unpack_fail(tree, "place data", EBADMSG);
  for (size_t done = 0; done < length;) {
    ssize_t wrote = write(current->fd, (const char *)data + done, length - done);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0)
      return unpack_fail(tree, "write", errno);
    done += (size_t)wrote;
  }
  current->received += length;
  current->ends_in_hole = 0;
  return 0;
}

int unpack_tree_hole(struct unpack_tree *tree, uint64_t length)
{
  struct unpack_current *current = &tree->current;
  if (current->kind != UNPACK_FILE || length > current->size - current->received || length > INT64_MAX)
    return unpack_fail(tree, "place a hole", EBADMSG);
  if (lseek(current->fd, (off_t)length, SEEK_CUR) < 0)
    return unpack_fail(tree, "seek", errno);
  current->received += length;
  current->ends_in_hole = 1;
  return 0;
}

int unpack_tree_xattr(struct unpack_tree *tree, const char *name, const void *value, size_t length)
{
  struct unpack_current *current = &tree->current;
  int result;
  if (current->kind == 0 || current->kind == UNPACK_WHITEOUT || current->kind == UNPACK_OPAQUE)
    return unpack_fail(tree, "place an attribute", EBADMSG);
  /* There is no setxattrat before Linux 6.13: what cannot be opened is named relative to the working directory. */
  if (current->fd >= 0)
    result = fsetxattr(current->fd, name, value, length, 0);
  else
    result = fchdir(current->parent) < 0 ? -1 : lsetxattr(current->base, name, value, length, 0);
  if (result == 0)
    return 0;
  /* As Docker: a file system without such attributes, or `user.` on what may not carry it, costs only the attribute. */
  if (errno != ENOTSUP && (errno != EPERM || strncmp(name, "user.", 5) != 0))
    return unpack_fail(tree, "set an extended attribute", errno);
  tree->xattrs_skipped++;
  return 0;
}

int unpack_tree_finish(struct unpack_tree *tree)
{
  if (settle(tree) < 0)
    return -1;
  for (size_t i = 0; i < tree->time_count; i++) {
    const struct unpack_dir_time *time = &tree->times[i];
    struct timespec times[2] = {{time->seconds, time->nanoseconds}, {time->seconds, time->nanoseconds}};
    struct stat st;
    int fd = unpack_open(tree, tree->paths + time->path_offset, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
      continue; /* replaced by a later entry */
    int failed = fstat(fd, &st) < 0 || (st.st_ino == time->inode && futimens(fd, times) < 0);
    int error = errno;
    close(fd);
    if (failed)
      return unpack_fail(tree, "set the time of a directory", error);
  }
  return 0;
}
