#ifndef ISLET_START_H
#define ISLET_START_H
#include "context.h"

/*
 * Executes a start plan up to the container's execve and answers STARTED on the status pipe. Otherwise an errno with
 * the report filled; then nothing of the container is left: the process is dead and reaped, the cleanup section has
 * run, the monitor's files are gone.
 */
int start_container(struct context *ctx, uint32_t id);
#endif
