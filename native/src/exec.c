#include "exec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fence.h"
#include "hold.h"
#include "init.h"
#include "plan.h"

/*
 * What is still needed: the socket to the monitor, this program for `init`, the FIFO of `hold`, and what the caller of an
 * OCI runtime hands on. None of them is a directory, so no path leads through them to the host.
 */
int exec_close_host(struct context *ctx) {
  if (!fence(FENCE_HOST_DESCRIPTORS)) return 0;
  unsigned from = 3 + ctx->preserved;
  for (;;) {
    const int kept[] = {ctx->sync_fd, ctx->init_fd, ctx->hold_fd};
    unsigned next = ~0U;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
      if (kept[i] >= (int)from && (unsigned)kept[i] < next) next = (unsigned)kept[i];
    }
    if (next == ~0U) break;
    if (next > from && close_range(from, next - 1, 0) < 0) return errno;
    from = next + 1;
  }
  if (close_range(from, ~0U, 0) < 0) return errno;
  ctx->root_fd = ctx->mask_fd = ctx->copy_fd = ctx->cgroup_fd = -1;
  return 0;
}

int exec_seal(struct context *ctx) {
  if (ctx->sealed) return 0;
  int error = exec_close_host(ctx);
  if (error != 0) return error;
  if (!ctx->umask_set) umask(022);
  ctx->sealed = true;
  return 0;
}

/* Errors after which execvpe looks into the next directory. */
static bool search_goes_on(int error) {
  return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE || error == ENODEV || error == ETIMEDOUT;
}

/*
 * As execvpe: the first directory that has an executable file wins; EACCES is remembered and told when nothing was
 * found.
 */
static int search_and_exec(struct context *ctx, struct plan_strs directories, char **argv, char **env) {
  bool denied = false;
  char path[PATH_MAX];
  while (directories.count > 0) {
    const char *directory = plan_strs_next(&directories);
    int length = snprintf(path, sizeof(path), "%s/%s", *directory ? directory : ".", argv[0]);
    if (length < 0 || (size_t)length >= sizeof(path)) continue;
    execve(path, argv, env);
    if (!search_goes_on(errno)) return fail(ctx, errno, "%s", path);
    if (errno == EACCES && !denied) {
      denied = true;
      fail(ctx, EACCES, "%s", path);
    }
  }
  return denied ? EACCES : ENOENT;
}

int run_exec(struct context *ctx, const struct op_exec *op) {
  char **argv = plan_strs_vector(op->argv);
  char **env = plan_strs_vector(op->env);
  if (!argv || !env) return ENOMEM;
  if (!argv[0]) return fail(ctx, EINVAL, "no program");
  if (!*argv[0]) return ENOENT;
  int error = exec_seal(ctx);
  if (error != 0) return error;
  if (ctx->init_fd >= 0) return init_exec(ctx, argv, op->argv.count, env);
  if (!strchr(argv[0], '/')) return search_and_exec(ctx, op->search_path, argv, env);
  execve(argv[0], argv, env);
  return hold_is_over() ? fail(ctx, errno, "%s", argv[0]) : errno;
}
