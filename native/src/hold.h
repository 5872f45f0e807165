/* Between `create` and `start`: how the two sides tell each other how far they are, and where the container waits. */
#ifndef ISLET_HOLD_H
#define ISLET_HOLD_H
#include "context.h"

/* Bytes that the container's first process sends. */
#define SYNC_MOUNTED 'M'
#define SYNC_HELD 'R'

/* Takes the terminal's master: sends it to the console socket and closes it, or keeps it for the proxy. 0 or an errno. */
int hold_terminal(struct context *ctx, int master);

/* Has this process been let go on by `start`? From then on nobody waits for its report. */
bool hold_is_over(void);
/* Writes what has failed since then to standard error, the container's own, as runc does: else its end would have no reason. */
void hold_tell_failure(const struct context *ctx);
#endif
