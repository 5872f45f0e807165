#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount.h"
#include "plan.h"
#include "root.h"
#include "userns.h"

#define SLOTS_MAX 16384
#define OPEN_TREE_FLAGS (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)

void trees_close(struct context *ctx) {
  for (uint32_t i = 0; i < ctx->held_count; i++) close_fd(&ctx->held[i]);
  free(ctx->held);
  ctx->held = NULL;
  ctx->held_count = 0;
  close_fd(&ctx->root_fd);
  close_fd(&ctx->userns_fd);
  close_fd(&ctx->pidns_fd);
}

static int idmap(struct context *ctx, int tree, int userns, unsigned flags, const char *path) {
  struct mount_attr change = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | flags, &change, sizeof(change)) == 0) return 0;
  if (errno != EINVAL && errno != EOPNOTSUPP) return fail(ctx, errno, "%s", path);
  return fail(ctx, errno, "this kernel or the file system of %s has no idmapped mounts", path);
}

/* Leaves the own mount namespace; leave_namespace comes back, to the same working directory. */
static int enter_namespace(struct context *ctx, int namespace_fd) {
  ctx->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  ctx->mountns_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (ctx->cwd_fd < 0 || ctx->mountns_fd < 0) return errno;
  int done = namespace_fd < 0 ? unshare(CLONE_NEWNS) : setns(namespace_fd, CLONE_NEWNS);
  return done < 0 ? errno : 0;
}

int trees_leave(struct context *ctx) {
  if (ctx->mountns_fd < 0) return 0;
  int error = setns(ctx->mountns_fd, CLONE_NEWNS) < 0 || fchdir(ctx->cwd_fd) < 0 ? errno : 0;
  close_fd(&ctx->mountns_fd);
  close_fd(&ctx->cwd_fd);
  return error;
}

static int enter_own(struct context *ctx) {
  int error = ctx->mountns_fd < 0 ? enter_namespace(ctx, -1) : 0;
  if (error == 0 && mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) error = errno;
  return error;
}

int run_own_mounts(struct context *ctx, const struct op_own_mounts *op) {
  (void)op;
  return enter_own(ctx);
}

int run_host_mounts(struct context *ctx, const struct op_host_mounts *op) {
  (void)op;
  return trees_leave(ctx);
}

int run_unmount(struct context *ctx, const struct op_unmount *op) {
  if (ctx->mountns_fd < 0) return fail(ctx, EINVAL, "not in an own mount table");
  return umount2(op->path, MNT_DETACH) < 0 ? errno : 0;
}

int run_idmap_over(struct context *ctx, const struct op_idmap_over *op) {
  if (ctx->userns_fd < 0) return fail(ctx, EINVAL, "there is no user namespace yet");
  int error = enter_own(ctx);
  if (error != 0) return error;
  int tree = open_tree(AT_FDCWD, op->path, OPEN_TREE_FLAGS);
  if (tree < 0) return fail(ctx, errno, "%s", op->path);
  error = idmap(ctx, tree, ctx->userns_fd, 0, op->path);
  if (error == 0 && move_mount(tree, "", AT_FDCWD, op->path, MOVE_MOUNT_F_EMPTY_PATH) < 0) error = fail(ctx, errno, "%s", op->path);
  close(tree);
  return error;
}

int run_hold_root(struct context *ctx, const struct op_hold_root *op) {
  (void)op;
  if (ctx->root_fd < 0) return EBADF;
  int tree = open_tree(ctx->root_fd, "", OPEN_TREE_FLAGS | AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree < 0) return errno;
  close(ctx->root_fd);
  ctx->root_fd = tree;
  return trees_leave(ctx);
}

int run_attach_root(struct context *ctx, const struct op_attach_root *op) {
  if (ctx->root_fd < 0) return EBADF;
  return move_mount(ctx->root_fd, "", AT_FDCWD, op->target, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? fail(ctx, errno, "%s", op->target) : 0;
}

static int clone_tree(struct context *ctx, const struct op_hold_tree *op, int *tree) {
  unsigned flags = OPEN_TREE_FLAGS | (op->recursive ? AT_RECURSIVE : 0);
  *tree = open_tree(AT_FDCWD, op->source, flags);
  return *tree < 0 ? fail(ctx, errno, "%s", op->source) : 0;
}

/* The tree of another container: its links are not followed, as they were made by that container. */
static int clone_foreign_tree(struct context *ctx, const struct op_hold_tree *op, int *tree) {
  int namespace_fd = open_host(op->ns_path, O_RDONLY);
  if (namespace_fd < 0) return fail(ctx, errno, "%s", op->ns_path);
  int error = enter_namespace(ctx, namespace_fd);
  close(namespace_fd);
  if (error != 0) return fail(ctx, error, "%s", op->ns_path);
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int path = (int)syscall(SYS_openat2, AT_FDCWD, op->source, &how, sizeof(how));
  if (path >= 0) *tree = open_tree(path, "", OPEN_TREE_FLAGS | AT_EMPTY_PATH | (op->recursive ? AT_RECURSIVE : 0));
  if (path < 0 || *tree < 0) error = fail(ctx, errno, "%s", op->source);
  close_fd(&path);
  int back = trees_leave(ctx);
  return error != 0 ? error : back;
}

static int keep(struct context *ctx, uint32_t slot, int tree) {
  if (slot >= SLOTS_MAX) return E2BIG;
  if (slot >= ctx->held_count) {
    int *grown = realloc(ctx->held, (slot + 1) * sizeof(*grown));
    if (!grown) return ENOMEM;
    for (uint32_t i = ctx->held_count; i <= slot; i++) grown[i] = -1;
    ctx->held = grown;
    ctx->held_count = slot + 1;
  }
  close_fd(&ctx->held[slot]);
  ctx->held[slot] = tree;
  return 0;
}

int run_hold_tree(struct context *ctx, const struct op_hold_tree *op) {
  int tree = -1;
  int error = *op->ns_path ? clone_foreign_tree(ctx, op, &tree) : clone_tree(ctx, op, &tree);
  if (error == 0 && *op->uid_map) {
    int userns = -1;
    error = userns_make(ctx, op->uid_map, op->gid_map, &userns);
    if (error == 0) error = idmap(ctx, tree, userns, op->recursive ? AT_RECURSIVE : 0, op->source);
    close_fd(&userns);
  }
  if (error == 0) error = mount_describe(tree, op->attrs, op->propagation, op->recursive != 0);
  if (error == 0) error = keep(ctx, op->slot, tree);
  if (error != 0) close_fd(&tree);
  return error;
}

/* Process 1 of a procfs is the first of its namespace: whoever is in another one has another first. */
int run_procfs_of(struct context *ctx, const struct op_procfs_of *op) {
  struct stat wanted;
  struct stat shown;
  if (op->slot >= ctx->held_count || ctx->held[op->slot] < 0) return fail(ctx, EBADF, "slot %u is empty", op->slot);
  if (stat(op->pidns, &wanted) < 0) return fail(ctx, errno, "%s", op->pidns);
  if (!mount_is_procfs(ctx->held[op->slot])) return fail(ctx, EPERM, "it is not procfs");
  if (fstatat(ctx->held[op->slot], "1/ns/pid", &shown, 0) < 0) return fail(ctx, errno, "its process 1");
  bool same = shown.st_dev == wanted.st_dev && shown.st_ino == wanted.st_ino;
  return same ? 0 : fail(ctx, EPERM, "it shows another PID namespace");
}

int run_attach_held(struct context *ctx, const struct op_attach_held *op) {
  if (ctx->mountns_fd < 0) return fail(ctx, EINVAL, "not in an own mount table");
  if (op->slot >= ctx->held_count || ctx->held[op->slot] < 0) return fail(ctx, EBADF, "slot %u is empty", op->slot);
  return move_mount(ctx->held[op->slot], "", AT_FDCWD, op->path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? errno : 0;
}

int run_hold_namespace(struct context *ctx, const struct op_hold_namespace *op) {
  int fd = open_host(op->path, O_RDONLY);
  if (fd < 0) return errno;
  int error = keep(ctx, op->slot, fd);
  if (error != 0) close(fd);
  return error;
}

int run_setns_held(struct context *ctx, const struct op_setns_held *op) {
  if (op->slot >= ctx->held_count || ctx->held[op->slot] < 0) return fail(ctx, EBADF, "slot %u is empty", op->slot);
  int error = setns(ctx->held[op->slot], (int)op->ns_type) < 0 ? errno : 0;
  close_fd(&ctx->held[op->slot]);
  return error;
}

int run_mount_held(struct context *ctx, const struct op_mount_held *op) {
  if (op->slot >= ctx->held_count || ctx->held[op->slot] < 0) return fail(ctx, EBADF, "slot %u is empty", op->slot);
  int target = mount_open_target(ctx, op->target, op->create_target);
  if (target < 0) return fail(ctx, errno, "%s", op->target);
  int error = mount_bound(ctx, ctx->held[op->slot], target, op->target);
  close(target);
  close_fd(&ctx->held[op->slot]);
  return error;
}
