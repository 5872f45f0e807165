/* Trees of the host that are opened before the clone, with the monitor's rights, and mounted by the new process. */
#ifndef ISLET_TREES_H
#define ISLET_TREES_H
#include "context.h"

/* Lets go of all of them: the new process has its own descriptors. */
void trees_close(struct context *ctx);
/* Goes back to the mount table and working directory from before idmapOver or ownMounts, if one is in another. 0 or an errno. */
int trees_leave(struct context *ctx);
#endif
