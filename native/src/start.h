#ifndef ISLET_START_H
#define ISLET_START_H
#include "context.h"

/*
 * Executes a start plan up to the container's execve and answers STARTED on the status pipe. Otherwise an errno with
 * the report filled; then nothing of the container is left: the process is dead and reaped, the cleanup section has
 * run, the monitor's files are gone.
 */
int start_container(struct context *ctx, uint32_t id);

/* Ends of the pipes and of the socket that belong to the container's first process; -1 where there is none. */
struct child_ends {
  int stdio[3];
  int sync;
};

/* The socket between the two sides. 0 or an errno, as the next two. */
int start_make_sync(struct context *ctx, struct child_ends *child);
/* The page in which the child reports. */
int start_make_report(struct context *ctx);
int start_clone_child(struct context *ctx, struct child_ends *child);
/* What this process makes from now on (hosted.c) is in its own PID and time namespaces again. 0 or an errno. */
int start_own_children(const struct context *ctx);
/*
 * When the child has appeared as another process, that one is the child from here on and the first is reaped. 0 or an
 * errno.
 */
int start_adopt_child(struct context *ctx);

/* Whether the child has come to its exec; at: the operation that it was at, any number if it was tampered with. */
bool start_reached_exec(const struct context *ctx, uint32_t *at);
/* Kills and reaps the child, if there is one. */
void start_kill_child(struct context *ctx);
#endif
