/* Pieces of the mount operations that others use. */
#ifndef ISLET_MOUNT_H
#define ISLET_MOUNT_H
#include "context.h"

#define MOUNT_PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* Sets attributes and propagation of a mount, or of the tree below it. 0 or an errno. */
int mount_attributes(int fd, uint64_t attrs, uint64_t propagation, bool recursive);
/* The same of a bind mount: `propagation` are MS_* flags, and MS_REC in them says whether that goes below. */
int mount_describe(int fd, uint64_t attrs, uint64_t propagation, bool recursive);
/*
 * Puts a detached tree on what `target_fd` is and `path` names. Nothing but procfs goes on /proc; what goes below it was
 * approved by name, so no link of the image leads there. 0 or an errno.
 */
int mount_bound(struct context *ctx, int tree, int target, const char *path);
/* Is it the root of a procfs? */
bool mount_is_procfs(int fd);
/* Puts a detached mount on what `target_fd` is. 0 or an errno. */
int mount_move(int mount_fd, int target_fd);
/* The place in root to mount on: 0 must exist, 1 a directory is made, 2 a file is made. -1 with errno. */
int mount_open_target(const struct context *ctx, const char *path, uint32_t create);
#endif
