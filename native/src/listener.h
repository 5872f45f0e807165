/* A seccomp filter's listener (SECCOMP_RET_USER_NOTIF): from the process that installed the filter to whoever decides for it. */
#ifndef ISLET_LISTENER_H
#define ISLET_LISTENER_H
#include "context.h"

/* The container's first process has a listener to hand over; the other side has taken it. */
#define SYNC_LISTENER 'L'

/*
 * The other side of `seccompListener`: takes the descriptor out of the child, sends it to the operation's socket with
 * the state, and lets the child go on. 0, or an errno with the report naming the operation.
 */
int listener_hand_over(struct context *ctx);
#endif
