/*
 * Mount operations. All of the rootfs is reached by descriptors: fsopen, fsmount, open_tree, mount_setattr, move_mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fence.h"
#include "mount.h"
#include "plan.h"
#include "root.h"

#define ATTRS_ATIME ((uint64_t)MOUNT_ATTR__ATIME)
#define FSCONFIG_VALUE_MAX 255 /* strndup_user in fsconfig(2), fs/fsopen.c */
#define MOUNT_PAGE 4096
#define MASK_ATTRS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* Appends the messages that the kernel left in the context ("e tmpfs: Bad value for 'size'") to the report. */
static int fail_context(struct context *ctx, int context_fd, int error) {
  char *detail = ctx->report->detail;
  size_t used = 0;
  while (used + 3 < DETAIL_SIZE) {
    size_t gap = used > 0 ? 2 : 0;
    ssize_t count = read(context_fd, detail + used + gap, DETAIL_SIZE - 1 - used - gap);
    if (count <= 0) break;
    char *message = detail + used + gap;
    if (count > 2 && message[1] == ' ') memmove(message, message + 2, (size_t)(count -= 2));
    if (gap) memcpy(detail + used, "; ", gap);
    used += gap + (size_t)count;
    while (used > 0 && detail[used - 1] == '\n') used--;
  }
  detail[used] = 0;
  return error;
}

int mount_move(int mount_fd, int target_fd) {
  return move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? errno : 0;
}

static int change_attributes(int fd, uint64_t attrs, uint64_t clear, uint64_t propagation, bool recursive) {
  if (attrs == 0 && clear == 0 && propagation == 0) return 0;
  struct mount_attr change = {.attr_set = attrs, .attr_clr = clear, .propagation = propagation};
  /* The access time flags are a field of their own: a value is only taken when the field is cleared with it. */
  if ((attrs | clear) & ATTRS_ATIME) change.attr_clr |= ATTRS_ATIME;
  return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change, sizeof(change)) < 0 ? errno : 0;
}

int mount_attributes(int fd, uint64_t attrs, uint64_t propagation, bool recursive) {
  return change_attributes(fd, attrs, 0, propagation, recursive);
}

int mount_describe(int fd, uint64_t attrs, uint64_t propagation, bool recursive) {
  bool spreads = (propagation & MS_REC) != 0;
  if (spreads == recursive) return mount_attributes(fd, attrs, propagation & MOUNT_PROPAGATION, recursive);
  int error = mount_attributes(fd, attrs, 0, recursive);
  return error != 0 ? error : mount_attributes(fd, 0, propagation & MOUNT_PROPAGATION, spreads);
}

int run_mount_propagation(struct context *ctx, const struct op_mount_propagation *op) {
  (void)ctx;
  return mount(NULL, op->path, NULL, op->flags, NULL) < 0 ? errno : 0;
}

static int adopt_root(struct context *ctx, int fd) {
  if (ctx->root_fd >= 0) close(ctx->root_fd);
  ctx->root_fd = fd;
  return fd < 0 ? errno : 0;
}

int run_overlay_root(struct context *ctx, const struct op_overlay_root *op) {
  if (chdir(op->cwd) < 0) return fail(ctx, errno, "%s", op->cwd);
  int error = mount("overlay", op->target, "overlay", op->flags, op->options) < 0 ? errno : 0;
  if (error == 0) error = adopt_root(ctx, open(op->target, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (chdir("/") < 0 && error == 0) error = errno;
  return error;
}

int run_bind_root(struct context *ctx, const struct op_bind_root *op) {
  const char *target = *op->target ? op->target : op->source;
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->recursive ? AT_RECURSIVE : 0);
  int tree = open_tree(AT_FDCWD, op->source, flags);
  if (tree < 0) return fail(ctx, errno, "%s", op->source);
  int error = mount_attributes(tree, op->attrs, 0, op->recursive != 0);
  if (error == 0 && move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) < 0) {
    error = fail(ctx, errno, "%s", target);
  }
  if (error != 0) {
    close(tree);
    return error;
  }
  return adopt_root(ctx, tree);
}

static int set_options(struct context *ctx, int context_fd, struct plan_strs options) {
  while (options.count > 0) {
    const char *option = plan_strs_next(&options);
    const char *value = strchr(option, '=');
    char key[256];
    size_t length = value ? (size_t)(value - option) : strlen(option);
    if (length >= sizeof(key)) return fail(ctx, EINVAL, "an option's name is longer than %zu bytes", sizeof(key) - 1);
    memcpy(key, option, length);
    key[length] = 0;
    int done = value ? fsconfig(context_fd, FSCONFIG_SET_STRING, key, value + 1, 0) : fsconfig(context_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
    if (done < 0) {
      int error = fail_context(ctx, context_fd, errno);
      return *ctx->report->detail ? error : fail(ctx, error, "option %s", option);
    }
  }
  return 0;
}

static int configure(struct context *ctx, int context_fd, const struct op_mount_fs *op) {
  if (*op->source && fsconfig(context_fd, FSCONFIG_SET_STRING, "source", op->source, 0) < 0) {
    return fail_context(ctx, context_fd, errno);
  }
  int error = set_options(ctx, context_fd, op->options);
  if (error != 0) return error;
  return fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? fail_context(ctx, context_fd, errno) : 0;
}

/* The root directory of a procfs has this inode; others of it are bound from elsewhere. */
#define PROC_ROOT_INO 1

static bool is_procfs(int fd, bool its_root) {
  struct statfs fs;
  struct stat info;
  if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) return false;
  return !its_root || (fstat(fd, &info) == 0 && info.st_ino == PROC_ROOT_INO);
}

bool mount_is_procfs(int fd) { return is_procfs(fd, true); }

/*
 * procfs and sysfs only go on a real directory: behind a symbolic link of the image the masks of /proc and /sys would
 * cover something else than what the workload sees (the CVE-2019-16884 and CVE-2019-19921 family). And nothing but
 * files goes on procfs: a link of the image, such as /dev -> /proc, would put a writable tmpfs where it should be.
 */
static int open_place_of_kernel_fs(const struct context *ctx, const char *path) {
  if (fence(FENCE_KERNEL_FS_PLACE)) {
    int fd = root_open(ctx, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd >= 0 || errno != ENOENT) return fd;
  }
  return root_mkdirs(ctx, path, 0755, (struct owner){0, 0});
}

static int open_mount_target(struct context *ctx, const struct op_mount_fs *op) {
  bool kernel_fs = strcmp(op->fs_type, "proc") == 0 || strcmp(op->fs_type, "sysfs") == 0;
  if (kernel_fs) return open_place_of_kernel_fs(ctx, op->target);
  int fd = root_mkdirs(ctx, op->target, 0755, (struct owner){0, 0});
  if (fd < 0 || !fence(FENCE_PROC_UNCOVERED) || !is_procfs(fd, false)) return fd;
  close(fd);
  errno = fail(ctx, EPERM, "it lies inside /proc");
  return -1;
}

/*
 * fsconfig(2) takes 255 bytes of a value, mount(2) a page of all options: an overlay's directories need the latter. The
 * target is named by its descriptor. 0 or an errno.
 */
static int mount_by_page(struct context *ctx, const struct op_mount_fs *op, int target) {
  char data[MOUNT_PAGE];
  char path[64];
  size_t used = 0;
  struct plan_strs options = op->options;
  while (options.count > 0) {
    const char *option = plan_strs_next(&options);
    size_t length = strlen(option);
    if (used + length + 2 > sizeof(data)) return fail(ctx, E2BIG, "the options are longer than %zu bytes", sizeof(data) - 1);
    if (used > 0) data[used++] = ',';
    memcpy(data + used, option, length);
    used += length;
  }
  data[used] = 0;
  snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
  /* MOUNT_ATTR_* of these have the same values. They must not depend on what the target's name means a moment later. */
  const unsigned long flags = (unsigned long)op->attrs & (MS_NOSUID | MS_NODEV | MS_NOEXEC);
  if (mount(op->source, path, op->fs_type, flags, data) < 0) return errno;
  int mounted = root_open(ctx, op->target, O_PATH | O_DIRECTORY, 0);
  if (mounted < 0) return errno;
  int error = mount_attributes(mounted, op->attrs, 0, false);
  close(mounted);
  return error;
}

static bool has_long_value(struct plan_strs options) {
  while (options.count > 0) {
    const char *value = strchr(plan_strs_next(&options), '=');
    if (value && strlen(value + 1) > FSCONFIG_VALUE_MAX) return true;
  }
  return false;
}

int run_mount_fs(struct context *ctx, const struct op_mount_fs *op) {
  if (has_long_value(op->options)) {
    int place = open_mount_target(ctx, op);
    int failed = place < 0 ? errno : mount_by_page(ctx, op, place);
    close_fd(&place);
    return failed;
  }
  int context_fd = fsopen(op->fs_type, FSOPEN_CLOEXEC);
  if (context_fd < 0) return fail(ctx, errno, "file system %s", op->fs_type);
  int error = configure(ctx, context_fd, op);
  int mount_fd = -1;
  if (error == 0) {
    mount_fd = fsmount(context_fd, FSMOUNT_CLOEXEC, (unsigned)op->attrs);
    if (mount_fd < 0) error = fail_context(ctx, context_fd, errno);
  }
  close(context_fd);
  if (error != 0) return error;
  int target = open_mount_target(ctx, op);
  error = target < 0 ? errno : mount_move(mount_fd, target);
  if (target >= 0) close(target);
  close(mount_fd);
  return error;
}

int mount_bound(struct context *ctx, int tree, int target, const char *path) {
  bool below = strncmp(path, "/proc/", 6) == 0;
  bool covers = !below && (strcmp(path, "/proc") == 0 || is_procfs(target, false));
  if (covers && fence(FENCE_PROC_UNCOVERED) && !is_procfs(tree, true)) {
    return fail(ctx, EPERM, "only a procfs can be bound there: it is /proc or lies inside");
  }
  return mount_move(tree, target);
}

int mount_open_target(const struct context *ctx, const char *path, uint32_t create) {
  if (strcmp(path, "/proc") == 0) return open_place_of_kernel_fs(ctx, path);
  if (create == 1) return root_mkdirs(ctx, path, 0755, (struct owner){0, 0});
  if (create == 2) return root_touch(ctx, path);
  return root_open(ctx, path, O_PATH, 0);
}

int run_mount_bind(struct context *ctx, const struct op_mount_bind *op) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->recursive ? AT_RECURSIVE : 0);
  int tree = open_tree(AT_FDCWD, op->source, flags);
  if (tree < 0) return fail(ctx, errno, "%s", op->source);
  int error = mount_describe(tree, op->attrs, op->propagation, op->recursive != 0);
  int target = -1;
  if (error == 0) {
    target = mount_open_target(ctx, op->target, op->create_target);
    if (target < 0) error = fail(ctx, errno, "%s", op->target);
  }
  if (error == 0) error = mount_bound(ctx, tree, target, op->target);
  if (target >= 0) close(target);
  close(tree);
  return error;
}

/*
 * One empty tmpfs serves all masked directories: many containers with many masks each would slow the kernel's mount
 * code down. It is cloned from where it was attached first, because kernels before 6.15 cannot clone a detached mount.
 */
static int mask_directory(struct context *ctx, int target, const char *label) {
  if (ctx->mask_fd >= 0) {
    int tree = open_tree(ctx->mask_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0) return errno;
    int error = mount_move(tree, target);
    close(tree);
    return error;
  }
  int context_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
  if (context_fd < 0) return errno;
  /* The source only names it in mountinfo. */
  int error = fsconfig(context_fd, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ? errno : 0;
  if (error == 0 && *label && fsconfig(context_fd, FSCONFIG_SET_STRING, "context", label, 0) < 0) error = errno;
  if (error == 0 && fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) error = errno;
  int mount_fd = error == 0 ? fsmount(context_fd, FSMOUNT_CLOEXEC, MASK_ATTRS) : -1;
  if (error == 0 && mount_fd < 0) error = errno;
  close(context_fd);
  if (error == 0) error = mount_move(mount_fd, target);
  if (error == 0) ctx->mask_fd = mount_fd;
  else if (mount_fd >= 0) close(mount_fd);
  return error;
}

/*
 * Binds the host's null device, which is looked at after it was cloned: what is mounted is what was verified
 * (CVE-2025-31133). Read-only, or root in the container could change the mode and owner of the host's node; reading
 * and writing a device is not touched by that.
 */
static int mask_file(struct context *ctx, int target) {
  bool from_host = fence(FENCE_MASK_SOURCE);
  int tree = from_host ? open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW)
                       : open_tree(root_open(ctx, "/dev/null", O_PATH, 0), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0) return fail(ctx, errno, "/dev/null of the host");
  struct stat info;
  int error = fstat(tree, &info) < 0 ? errno : 0;
  if (error == 0 && from_host && (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3))) {
    error = fail(ctx, ENODEV, "/dev/null of the host is not the null device");
  }
  uint64_t readonly = fence(FENCE_MASK_READONLY) ? MOUNT_ATTR_RDONLY : 0;
  if (error == 0) error = mount_attributes(tree, readonly | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, false);
  if (error == 0) error = mount_move(tree, target);
  close(tree);
  return error;
}

static bool is_missing(int error) { return error == ENOENT || error == ENOTDIR; }

int run_mask(struct context *ctx, const struct op_mask *op) {
  if (ctx->pivoted) return fail(ctx, EINVAL, "masks come before the pivot, while the host's /dev/null is in reach");
  int target = root_open(ctx, op->path, O_PATH, 0);
  if (target < 0) return is_missing(errno) ? 0 : errno;
  struct stat info;
  int error = fstat(target, &info) < 0 ? errno : 0;
  if (error == 0) error = S_ISDIR(info.st_mode) ? mask_directory(ctx, target, op->label) : mask_file(ctx, target);
  close(target);
  return error;
}

int run_readonly_path(struct context *ctx, const struct op_readonly_path *op) {
  int target = root_open(ctx, op->path, O_PATH, 0);
  if (target < 0) return is_missing(errno) ? 0 : errno;
  int tree = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  int error = tree < 0 ? errno : mount_attributes(tree, MOUNT_ATTR_RDONLY, 0, true);
  if (error == 0) error = mount_move(tree, target);
  if (tree >= 0) close(tree);
  close(target);
  return error;
}

int run_readonly_root(struct context *ctx, const struct op_readonly_root *op) {
  (void)op;
  if (ctx->root_fd < 0) return EBADF;
  return mount_attributes(ctx->root_fd, MOUNT_ATTR_RDONLY, 0, false);
}

int run_mount_attrs(struct context *ctx, const struct op_mount_attrs *op) {
  int target = root_open(ctx, op->path, O_PATH, 0);
  if (target < 0) return errno;
  int error = mount_attributes(target, op->attrs, 0, false);
  close(target);
  return error == EINVAL ? fail(ctx, error, "not a mount point, or unknown attributes") : error;
}

/* Of the file system all mounts of it: only what was asked for by name is changed there. */
static int reconfigure(struct context *ctx, int target, struct plan_strs options) {
  if (options.count == 0) return 0;
  int context_fd = fspick(target, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
  if (context_fd < 0) return errno;
  int error = set_options(ctx, context_fd, options);
  if (error == 0 && fsconfig(context_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0) error = fail_context(ctx, context_fd, errno);
  close(context_fd);
  return error;
}

int run_remount(struct context *ctx, const struct op_remount *op) {
  int target = root_open(ctx, op->path, O_PATH, 0);
  if (target < 0) return errno;
  int error = reconfigure(ctx, target, op->options);
  if (error == 0) error = change_attributes(target, op->attrs, op->clear, 0, false);
  if (error == 0) error = mount_attributes(target, 0, op->propagation & MOUNT_PROPAGATION, (op->propagation & MS_REC) != 0);
  close(target);
  return error == EINVAL && !*ctx->report->detail ? fail(ctx, error, "nothing is mounted there, or it does not know what was asked for") : error;
}
