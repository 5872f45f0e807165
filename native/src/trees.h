/* Trees of the host that are opened before the clone, with the monitor's rights, and mounted by the new process. */
#ifndef ISLET_TREES_H
#define ISLET_TREES_H
#include "context.h"

/* Lets go of all of them: the new process has its own descriptors. */
void trees_close(struct context *ctx);
#endif
