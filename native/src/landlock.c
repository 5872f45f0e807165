/*
 * A Landlock domain around a monitor and everything that it makes. Only the children of a process share its domain, and
 * only members of one domain may trace each other; so what is executed in the container later has to come from the
 * monitor too (hosted.c).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif
#define CREATE_RULESET_VERSION 1U

int run_landlock(struct context *ctx, const struct op_landlock *op) {
  if (!ctx->monitor) return fail(ctx, EINVAL, "a run plan enters no domain");
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, op->ruleset.data, (size_t)op->ruleset.length, 0);
  if (ruleset < 0) return errno;
  int error = syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? errno : 0;
  close(ruleset);
  return error;
}

int run_landlock_version(struct context *ctx, const struct op_landlock_version *op) {
  (void)op;
  char text[16];
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
  /* ENOSYS: not compiled in; EOPNOTSUPP: not switched on. */
  if (version < 0 && errno != ENOSYS && errno != EOPNOTSUPP) return errno;
  int length = snprintf(text, sizeof(text), "%ld", version < 0 ? 0 : version);
  if (!buffer_u8(&ctx->results, 1) || !buffer_u32le(&ctx->results, (uint32_t)length) || !buffer_append(&ctx->results, text, (size_t)length)) {
    return ENOMEM;
  }
  ctx->result_count++;
  return 0;
}
