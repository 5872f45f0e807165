#ifndef ISLET_CLEANUP_H
#define ISLET_CLEANUP_H
#include <stddef.h>

#include "context.h"

/*
 * Executes every operation of the section cleanup, whatever fails. How many failed; `text` becomes
 * "cleanupErrors=INDEX:ERRNO,...\n". What is gone already counts as cleaned up: a link dies with the network namespace
 * that held its peer.
 */
unsigned run_cleanup(struct context *ctx, char *text, size_t size);
#endif
