/*
 * Identity and rights of the workload. Raw system calls: the C library's wrappers keep several threads in step, and
 * there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "exec.h"
#include "plan.h"

#define CAPABILITY_BITS 64

int run_rlimit(struct context *ctx, const struct op_rlimit *op) {
  struct rlimit64 limit = {.rlim_cur = op->soft, .rlim_max = op->hard};
  /*
   * In the section parent the limits are the child's: in a user namespace of its own it may not raise them itself. The
   * child's copy of `pid` is 0.
   */
  return syscall(SYS_prlimit64, ctx->pid, op->resource, &limit, NULL) < 0 ? errno : 0;
}

int run_keyring(struct context *ctx, const struct op_keyring *op) {
  (void)ctx;
  long key = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->name);
  /* A kernel without keys has none to inherit. */
  if (key < 0) return errno == ENOSYS ? 0 : errno;
  /* The kernel's default with KEY_USR_SEARCH added: a later exec joins the keyring by its name. */
  return syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f1b0000) < 0 ? errno : 0;
}

int run_umask(struct context *ctx, const struct op_umask *op) {
  umask((mode_t)op->mask);
  ctx->umask_set = true;
  return 0;
}

int run_no_new_privs(struct context *ctx, const struct op_no_new_privs *op) {
  (void)ctx;
  (void)op;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

int run_seccomp(struct context *ctx, const struct op_seccomp *op) {
  if (op->filter.length == 0 || op->filter.length % sizeof(struct sock_filter) != 0) {
    return fail(ctx, EINVAL, "the filter is not a list of instructions");
  }
  /* What the last operations need of the kernel is done now: afterwards the filter may refuse it. */
  int error = exec_seal(ctx);
  if (error != 0) return error;
  /* A copy, because instructions must be aligned. */
  struct sock_filter *filter = malloc(op->filter.length);
  if (!filter) return ENOMEM;
  memcpy(filter, op->filter.data, op->filter.length);
  struct sock_fprog program = {.len = (unsigned short)(op->filter.length / sizeof(*filter)), .filter = filter};
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, op->flags, &program);
  error = result < 0 ? errno : 0;
  free(filter);
  if (error == 0 && op->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) ctx->listener_fd = (int)result;
  if (error == EBUSY) return fail(ctx, EBUSY, "a filter that islet itself runs under has a listener; the kernel allows one");
  return error;
}

int run_bounding_set(struct context *ctx, const struct op_bounding_set *op) {
  (void)ctx;
  for (unsigned cap = 0; cap < CAPABILITY_BITS; cap++) {
    if (op->keep >> cap & 1) continue;
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    /* EINVAL: the kernel knows no capability from here on. */
    return errno == EINVAL && cap > 0 ? 0 : errno;
  }
  return 0;
}

int run_keep_caps(struct context *ctx, const struct op_keep_caps *op) {
  (void)ctx;
  return prctl(PR_SET_KEEPCAPS, op->on ? 1 : 0, 0, 0, 0) < 0 ? errno : 0;
}

int run_set_groups(struct context *ctx, const struct op_set_groups *op) {
  (void)ctx;
  gid_t *groups = malloc((op->groups.count + 1) * sizeof(*groups));
  if (!groups) return ENOMEM;
  for (uint32_t i = 0; i < op->groups.count; i++) groups[i] = plan_u32s_get(&op->groups, i);
  int error = syscall(SYS_setgroups, op->groups.count, groups) < 0 ? errno : 0;
  free(groups);
  return error;
}

int run_set_gid(struct context *ctx, const struct op_set_gid *op) {
  (void)ctx;
  return syscall(SYS_setresgid, op->gid, op->gid, op->gid) < 0 ? errno : child_die_with_monitor();
}

int run_set_uid(struct context *ctx, const struct op_set_uid *op) {
  (void)ctx;
  return syscall(SYS_setresuid, op->uid, op->uid, op->uid) < 0 ? errno : child_die_with_monitor();
}

int run_capset(struct context *ctx, const struct op_capset *op) {
  (void)ctx;
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; i++) {
    data[i].effective = (uint32_t)(op->effective >> (32 * i));
    data[i].permitted = (uint32_t)(op->permitted >> (32 * i));
    data[i].inheritable = (uint32_t)(op->inheritable >> (32 * i));
  }
  return syscall(SYS_capset, &head, data) < 0 ? errno : child_die_with_monitor();
}

int run_ambient_set(struct context *ctx, const struct op_ambient_set *op) {
  (void)ctx;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return errno;
  for (unsigned cap = 0; cap < CAPABILITY_BITS; cap++) {
    if ((op->raise >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return errno;
  }
  return 0;
}
