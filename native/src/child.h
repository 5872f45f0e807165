#ifndef ISLET_CHILD_H
#define ISLET_CHILD_H
#include "context.h"

/*
 * The container's first process, right after clone3: takes its standard descriptors, executes the section child and
 * becomes the workload.
 */
void child_main(struct context *ctx, const int stdio[3]) __attribute__((noreturn));
/*
 * Asks for SIGKILL when the monitor dies. A change of credentials takes the request back, so each such operation renews
 * it.
 */
int child_die_with_monitor(void);
/* Was it dead before that could be asked for? */
bool child_monitor_is_gone(const struct context *ctx);
#endif
