#ifndef ISLET_PLAN_H
#define ISLET_PLAN_H
#include "context.h"

#define PLAN_NO_OP UINT32_MAX

/*
 * Checks the envelope and indexes the operations; NULL when it is good, else what is wrong. The bytes must outlive the
 * plan.
 */
const char *plan_parse(struct plan *plan, const uint8_t *bytes, size_t length);
/* Index of the first operation with this code, or PLAN_NO_OP. */
uint32_t plan_find(const struct plan *plan, uint16_t code);
/* Executes one operation: 0, or an errno with the report filled. */
int plan_run_op(struct context *ctx, uint32_t index);
/* Executes a section's operations in order, stops at the first failure: 0 or its errno. */
int plan_run_section(struct context *ctx, uint8_t section);

/* The list as execve takes it, its strings still in the plan; to be freed. NULL: out of memory. */
char **plan_strs_vector(struct plan_strs list);

/* One handler per operation of the table: 0 or an errno. */
#define X(upper, lower) int run_##lower(struct context *ctx, const struct op_##lower *op);
PLAN_OPS(X)
#undef X
#endif
