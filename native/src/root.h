/*
 * Paths inside the rootfs. Every one is resolved by the kernel below the root descriptor, so that no symbolic link of
 * an image leads out.
 */
#ifndef ISLET_ROOT_H
#define ISLET_ROOT_H
#include "context.h"

/*
 * openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS; O_CLOEXEC is added. A descriptor, or -1 with errno (EBADF: the
 * plan made no root yet).
 */
int root_open(const struct context *ctx, const char *path, uint64_t flags, uint32_t mode);

struct owner {
  uint32_t uid;
  uint32_t gid;
};

/* mkdir -p; mode and owner are given to what is created. O_PATH descriptor of the directory, or -1 with errno. */
int root_mkdirs(const struct context *ctx, const char *path, uint32_t mode, struct owner owner);
/*
 * O_PATH descriptor of the directory that holds the last component (it must exist), whose name is copied to `name`
 * (NAME_MAX + 1 bytes).
 */
int root_parent(const struct context *ctx, const char *path, char *name);
/* Descriptor of a file to mount on, made empty with its directories when missing. -1 with errno. */
int root_touch(const struct context *ctx, const char *path);
#endif
