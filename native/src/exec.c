#include "exec.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"
#include "plan.h"

int exec_seal(struct context *ctx) {
  if (ctx->sealed) return 0;
  if (close_range(3 + ctx->preserved, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return errno;
  if (!ctx->umask_set) umask(022);
  ctx->sealed = true;
  return 0;
}

static char **to_vector(struct plan_strs list) {
  char **vector = calloc((size_t)list.count + 1, sizeof(*vector));
  for (size_t i = 0; vector && list.count > 0; i++) vector[i] = (char *)(uintptr_t)plan_strs_next(&list);
  return vector;
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
  char **argv = to_vector(op->argv);
  char **env = to_vector(op->env);
  if (!argv || !env) return ENOMEM;
  if (!argv[0]) return fail(ctx, EINVAL, "no program");
  if (!*argv[0]) return ENOENT;
  int error = exec_seal(ctx);
  if (error != 0) return error;
  if (ctx->init_fd >= 0) return init_exec(ctx, argv, op->argv.count, env);
  if (!strchr(argv[0], '/')) return search_and_exec(ctx, op->search_path, argv, env);
  execve(argv[0], argv, env);
  return errno;
}
