/*
 * Labels of SELinux on files: the extended attribute security.selinux. Trees are walked by descriptors; no symbolic link is
 * followed, as what lies in them was made by containers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "label.h"
#include "plan.h"

#define ATTRIBUTE "security.selinux"
#define LABEL_MAX 4096
#define FD_PATH_SIZE (sizeof("/proc/self/fd/") + 12)

/* A directory on the way from the top, with the names of the subdirectories that are still to be entered. */
struct level {
  dev_t device;
  ino_t inode;
  struct buffer names; /* each with its NUL */
  size_t next;
};

struct walk {
  struct context *ctx;
  const char *label;
  struct level *levels;
  size_t depth;
  size_t capacity;
};

/* Some keep the value with its NUL, some without. */
static bool is_label(const char *value, ssize_t length, const char *label) {
  size_t wanted = strlen(label);
  if (length > 0 && value[length - 1] == 0) length--;
  return length == (ssize_t)wanted && memcmp(value, label, wanted) == 0;
}

static bool has_label(const char *path, bool follow, const char *label) {
  char value[LABEL_MAX];
  return is_label(value, (follow ? getxattr : lgetxattr)(path, ATTRIBUTE, value, sizeof(value)), label);
}

/*
 * Gone meanwhile, or on a file system that keeps no labels: nothing to do. Nor is there where the label is right, so that a
 * tree that was labelled once can be read-only.
 */
static int set_label(const char *path, bool follow, const char *label) {
  if (has_label(path, follow, label)) return 0;
  if ((follow ? setxattr : lsetxattr)(path, ATTRIBUTE, label, strlen(label) + 1, 0) == 0) return 0;
  return errno == ENOENT || errno == ENOTSUP ? 0 : errno;
}

/* By procfs, because fsetxattr takes no descriptor of O_PATH, and sockets and devices are not to be opened. */
static void fd_path(char path[FD_PATH_SIZE], int fd) { snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd); }

int label_fd(int fd, const char *label) {
  char path[FD_PATH_SIZE];
  fd_path(path, fd);
  return set_label(path, true, label);
}

static bool fd_has_label(int fd, const char *label) {
  char path[FD_PATH_SIZE];
  fd_path(path, fd);
  return has_label(path, true, label);
}

/* What the kernel shows there belongs to the whole host. */
static bool is_kernel_fs(int fd) {
  static const unsigned types[] = {PROC_SUPER_MAGIC,   SYSFS_MAGIC,      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                   SECURITYFS_MAGIC,   SELINUX_MAGIC,    DEBUGFS_MAGIC,      TRACEFS_MAGIC,
                                   BPF_FS_MAGIC};
  struct statfs fs;
  if (fstatfs(fd, &fs) < 0) return true;
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    if ((unsigned)fs.f_type == types[i]) return true;
  }
  return false;
}

static int push(struct walk *walk, const struct stat *info) {
  if (walk->depth == walk->capacity) {
    size_t capacity = walk->capacity * 2 + 16;
    struct level *grown = realloc(walk->levels, capacity * sizeof(*grown));
    if (!grown) return ENOMEM;
    walk->levels = grown;
    walk->capacity = capacity;
  }
  walk->levels[walk->depth++] = (struct level){.device = info->st_dev, .inode = info->st_ino};
  return 0;
}

static bool is_directory(int at, const struct dirent *item) {
  if (item->d_type != DT_UNKNOWN) return item->d_type == DT_DIR;
  struct stat info;
  return fstatat(at, item->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

static int label_entry(struct walk *walk, int at, const struct dirent *item) {
  const char *name = item->d_name;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
  if (is_directory(at, item)) {
    struct buffer *names = &walk->levels[walk->depth - 1].names;
    return buffer_append(names, name, strlen(name) + 1) ? 0 : ENOMEM;
  }
  /* There is no setxattrat before Linux 6.13. The link of procfs leads to the open directory, whatever its path is. */
  char path[FD_PATH_SIZE + NAME_MAX];
  snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", at, name);
  int error = set_label(path, false, walk->label);
  return error == 0 ? 0 : fail(walk->ctx, error, "%s", name);
}

/* Labels what is in an open directory; itself and its subdirectories come later. */
static int enter(struct walk *walk, int fd) {
  struct stat info;
  int error = fstat(fd, &info) < 0 ? errno : push(walk, &info);
  int copy = error == 0 ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  DIR *listing = copy < 0 ? NULL : fdopendir(copy);
  if (error == 0 && !listing) error = errno;
  struct dirent *item;
  while (error == 0 && (errno = 0, item = readdir(listing)) != NULL) error = label_entry(walk, fd, item);
  if (error == 0) error = errno;
  if (listing) closedir(listing);
  else if (copy >= 0) close(copy);
  return error;
}

/* Into a subdirectory; *fd then is it. What is none any more is passed over. */
static int descend(struct walk *walk, int *fd, const char *name) {
  int child = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (child < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : fail(walk->ctx, errno, "%s", name);
  if (is_kernel_fs(child)) {
    close(child);
    return 0;
  }
  close(*fd);
  *fd = child;
  return enter(walk, child);
}

/*
 * A directory is labelled last, so that the label of the top says that all is done. One descriptor is enough for any depth,
 * because the way up is known: another directory there means that this one was moved.
 */
static int leave(struct walk *walk, int *fd) {
  free(walk->levels[--walk->depth].names.data);
  int error = label_fd(*fd, walk->label);
  if (error != 0 || walk->depth == 0) return error;
  const struct level *expected = &walk->levels[walk->depth - 1];
  int parent = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return errno;
  close(*fd);
  *fd = parent;
  struct stat info;
  if (fstat(parent, &info) < 0) return errno;
  if (info.st_dev == expected->device && info.st_ino == expected->inode) return 0;
  return fail(walk->ctx, EAGAIN, "a directory was moved while it was being labelled");
}

static int label_tree(struct walk *walk, int *fd) {
  int error = enter(walk, *fd);
  while (error == 0 && walk->depth > 0) {
    struct level *level = &walk->levels[walk->depth - 1];
    if (level->next < level->names.length) {
      /* Entering may move the levels in memory, but not the names. */
      const char *name = (const char *)level->names.data + level->next;
      level->next += strlen(name) + 1;
      error = descend(walk, fd, name);
    } else {
      error = leave(walk, fd);
    }
  }
  while (walk->depth > 0) free(walk->levels[--walk->depth].names.data);
  free(walk->levels);
  return error;
}

int run_relabel(struct context *ctx, const struct op_relabel *op) {
  /* The path was resolved and judged before: what it leads to now must be what it seems. */
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int path = (int)syscall(SYS_openat2, AT_FDCWD, op->path, &how, sizeof(how));
  if (path < 0) return errno;
  struct stat info;
  int error = fstat(path, &info) < 0 ? errno : 0;
  if (error == 0 && is_kernel_fs(path)) error = fail(ctx, EINVAL, "it is the kernel's");
  if (error == 0 && op->once && fd_has_label(path, op->label)) {
    close(path);
    return 0;
  }
  if (error == 0 && S_ISDIR(info.st_mode)) {
    int fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct walk walk = {.ctx = ctx, .label = op->label};
    error = fd < 0 ? errno : label_tree(&walk, &fd);
    close_fd(&fd);
  } else if (error == 0) {
    error = label_fd(path, op->label);
  }
  close(path);
  return error;
}

/*
 * The directory is one for the whole namespace, however often it is mounted. It belongs to who made the namespace, so this
 * comes before the process becomes another user.
 */
int run_label_queues(struct context *ctx, const struct op_label_queues *op) {
  (void)ctx;
  int context_fd = fsopen("mqueue", FSOPEN_CLOEXEC);
  if (context_fd < 0) return errno;
  int error = fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? errno : 0;
  int mount_fd = error == 0 ? fsmount(context_fd, FSMOUNT_CLOEXEC, 0) : -1;
  if (error == 0) error = mount_fd < 0 ? errno : label_fd(mount_fd, op->label);
  close_fd(&mount_fd);
  close(context_fd);
  return error;
}
