#ifndef ISLET_EXEC_H
#define ISLET_EXEC_H
#include "context.h"

/*
 * The last preparations of a process that is to become a workload, done once: every descriptor from 3 up is close-on-
 * exec, and the file mode mask is the usual one unless the plan set another. 0 or an errno.
 */
int exec_seal(struct context *ctx);
#endif
