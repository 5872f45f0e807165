#ifndef ISLET_EXEC_H
#define ISLET_EXEC_H
#include "context.h"

/*
 * Closes every descriptor from 3 up but the socket to the monitor. Close-on-exec would come too late: execve resolves
 * the program's name, and its interpreter's, while they are open, so /proc/self/fd/N/.. of an image's entry point would
 * lead from any directory of the host to all of its programs (the CVE-2024-21626 and CVE-2019-5736 families). 0 or an errno.
 */
int exec_close_host(struct context *ctx);

/*
 * The last preparations of a process that is to become a workload, done once: nothing of the host is open, and the
 * file mode mask is the usual one unless the plan set another. 0 or an errno.
 */
int exec_seal(struct context *ctx);
#endif
