/*
 * How the workload is scheduled. In the section parent the monitor does it for a child that has no rights over the
 * host; the child's own copy of `pid` is 0, which means itself.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

#define IOPRIO_WHO_PROCESS 1

/* struct sched_attr as Linux 3.14 has it (SCHED_ATTR_SIZE_VER0); libc has none before glibc 2.41. */
struct scheduling {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

int run_scheduler(struct context *ctx, const struct op_scheduler *op) {
  struct scheduling attributes = {
      .size = sizeof(attributes),
      .policy = op->policy,
      .flags = op->flags,
      .nice = op->nice,
      .priority = op->priority,
      .runtime = op->runtime,
      .deadline = op->deadline,
      .period = op->period,
  };
  return syscall(SYS_sched_setattr, ctx->pid, &attributes, 0) < 0 ? errno : 0;
}

/* The process is alone in its process group, and what it makes inherits it: of the group is of the process. */
int run_io_priority(struct context *ctx, const struct op_io_priority *op) {
  return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, ctx->pid, op->value) < 0 ? errno : 0;
}

int run_personality(struct context *ctx, const struct op_personality *op) {
  (void)ctx;
  return syscall(SYS_personality, op->persona) < 0 ? errno : 0;
}

/* A copy, because the kernel reads whole words and those in the plan are not aligned. */
static int copy_mask(const struct plan_bytes *mask, void **out) {
  *out = NULL;
  if (mask->length == 0) return 0;
  *out = malloc(mask->length);
  if (!*out) return ENOMEM;
  memcpy(*out, mask->data, mask->length);
  return 0;
}

int run_cpu_affinity(struct context *ctx, const struct op_cpu_affinity *op) {
  (void)ctx;
  void *mask;
  int error = copy_mask(&op->mask, &mask);
  if (error != 0) return error;
  if (syscall(SYS_sched_setaffinity, 0, op->mask.length, mask) < 0) error = errno;
  free(mask);
  return error == EINVAL ? fail(ctx, error, "none of these CPUs is one that it may run on") : error;
}

int run_memory_policy(struct context *ctx, const struct op_memory_policy *op) {
  (void)ctx;
  void *nodes;
  int error = copy_mask(&op->nodes, &nodes);
  if (error != 0) return error;
  /* The kernel takes one less than it is told (get_nodes in mm/mempolicy.c). */
  unsigned long count = nodes ? (unsigned long)op->nodes.length * 8 + 1 : 0;
  if (syscall(SYS_set_mempolicy, op->mode, nodes, count) < 0) error = errno;
  free(nodes);
  return error;
}
