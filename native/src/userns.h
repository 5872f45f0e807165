/* User namespaces: of the container, and of idmapped mounts. */
#ifndef ISLET_USERNS_H
#define ISLET_USERNS_H
#include "context.h"

/* Makes a user namespace with these maps that only the descriptor keeps; 0 or an errno with a detail. */
int userns_make(struct context *ctx, const char *uid_map, const char *gid_map, int *fd);
#endif
