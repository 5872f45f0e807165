/* `--init`: a small process 1 that starts the workload, forwards signals to it and reaps orphans. */
#ifndef ISLET_INIT_H
#define ISLET_INIT_H
#include "context.h"

/* The name under which Docker shows its own. */
#define INIT_NAME "/sbin/docker-init"

/*
 * Executes this program as process 1, from its sealed copy: nothing of the host needs to be in the container's root, and
 * no memory of the launcher comes along. Returns an errno.
 */
int init_exec(struct context *ctx, char **argv, uint32_t count, char **env);
/* argv: "--", the program, its arguments. Its end is the workload's: its code, or 128 and the signal's number. */
int init_main(char **argv);
#endif
