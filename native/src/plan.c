#include "plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fence.h"

int fail(struct context *ctx, int error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(ctx->report->detail, sizeof(ctx->report->detail), format, arguments);
  va_end(arguments);
  return error;
}

static bool read_op(struct plan_reader *in, struct plan_op *op) {
  const uint8_t *head;
  uint32_t length;
  const uint8_t *payload;
  if (!plan_take(in, 4, &head) || !plan_read_u32(in, &length) || !plan_take(in, length, &payload)) return false;
  op->code = (uint16_t)(head[0] | head[1] << 8);
  op->section = head[2];
  op->payload = (struct plan_reader){payload, payload + length};
  return op->code >= 1 && op->code <= PLAN_OPCODE_MAX && op->section <= SECTION_CLEANUP;
}

const char *plan_parse(struct plan *plan, const uint8_t *bytes, size_t length) {
  struct plan_reader in = {bytes, bytes + length};
  const uint8_t *magic;
  uint32_t version, hash, count;
  if (!plan_take(&in, 4, &magic) || memcmp(magic, "ISLP", 4) != 0) return "not an isolation plan";
  if (!plan_read_u32(&in, &version) || version != PLAN_FORMAT_VERSION) return "unknown format version of the plan";
  if (!plan_read_u32(&in, &hash) || hash != PLAN_TABLE_HASH) return "the plan was made for another build of islet";
  if (!plan_read_u32(&in, &count) || count > length / 8) return "truncated plan";
  plan->ops = calloc(count ? count : 1, sizeof(*plan->ops));
  if (!plan->ops) return "out of memory";
  plan->count = count;
  for (uint32_t i = 0; i < count; i++) {
    if (!read_op(&in, &plan->ops[i])) return "malformed operation in the plan";
  }
  return plan_read_end(&in) ? NULL : "bytes behind the plan";
}

uint32_t plan_find(const struct plan *plan, uint16_t code) {
  for (uint32_t i = 0; i < plan->count; i++) {
    if (plan->ops[i].code == code) return i;
  }
  return PLAN_NO_OP;
}

static int dispatch(struct context *ctx, const struct plan_op *op) {
  struct plan_reader in = op->payload;
  switch (op->code) {
#define X(upper, lower)                                                      \
  case OP_##upper: {                                                         \
    struct op_##lower args;                                                  \
    if (!decode_##lower(&in, &args)) return fail(ctx, EBADMSG, "malformed"); \
    return run_##lower(ctx, &args);                                          \
  }
    PLAN_OPS(X)
#undef X
    default:
      return fail(ctx, ENOSYS, "unknown operation");
  }
}

int plan_run_op(struct context *ctx, uint32_t index) {
  ctx->report->at = (int32_t)index;
  ctx->report->detail[0] = 0;
  int error = fence_op(ctx->plan.ops[index].code) ? dispatch(ctx, &ctx->plan.ops[index]) : 0;
  if (error != 0) {
    ctx->report->failed_op = (int32_t)index;
    ctx->report->error = error;
  }
  return error;
}

int plan_run_section(struct context *ctx, uint8_t section) {
  for (uint32_t i = 0; i < ctx->plan.count; i++) {
    if (ctx->plan.ops[i].section != section) continue;
    int error = plan_run_op(ctx, i);
    if (error != 0) return error;
  }
  return 0;
}

char **plan_strs_vector(struct plan_strs list) {
  char **vector = calloc((size_t)list.count + 1, sizeof(*vector));
  for (size_t i = 0; vector && list.count > 0; i++) vector[i] = (char *)(uintptr_t)plan_strs_next(&list);
  return vector;
}
