#include "cleanup.h"

#include <errno.h>
#include <stdio.h>

#include "plan.h"

static bool is_gone(const struct plan_op *op, int error) {
  return op->code == OP_NETLINK && (error == ENODEV || error == ENOENT || error == ESRCH);
}

unsigned run_cleanup(struct context *ctx, char *text, size_t size) {
  static struct report report;
  struct report *before = ctx->report;
  size_t used = (size_t)snprintf(text, size, "cleanupErrors=");
  unsigned failures = 0;
  ctx->report = &report;
  for (uint32_t i = 0; i < ctx->plan.count; i++) {
    const struct plan_op *op = &ctx->plan.ops[i];
    if (op->section != SECTION_CLEANUP) continue;
    int error = plan_run_op(ctx, i);
    if (error == 0 || is_gone(op, error)) continue;
    int length = snprintf(text + used, size - used, "%s%u:%d", failures > 0 ? "," : "", i, error);
    if (length > 0 && used + (size_t)length + 1 < size) used += (size_t)length;
    failures++;
  }
  text[used] = '\n';
  text[used + 1] = 0;
  ctx->report = before;
  return failures;
}
