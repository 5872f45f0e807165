/*
 * Unpacking one image layer: unpack.c reads the op stream that TypeScript made of a tar, unpack_tree.c and
 * unpack_remove.c carry it out below one directory. Nothing here knows what a tar is.
 */
#ifndef ISLET_UNPACK_H
#define ISLET_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { UNPACK_PATH_MAX = 4096, UNPACK_CACHE_SLOTS = 64 };

/* Mirrored in src/archive/unpack-ops.ts; UNPACK_VERSION changes with it. */
enum unpack_opcode {
  UNPACK_DIR = 1,
  UNPACK_FILE = 2,
  UNPACK_SYMLINK = 3,
  UNPACK_HARDLINK = 4,
  UNPACK_NODE = 5,
  UNPACK_WHITEOUT = 6,
  UNPACK_OPAQUE = 7,
  UNPACK_DATA = 8,
  UNPACK_HOLE = 9,
  UNPACK_XATTR = 10,
  UNPACK_FINISH = 11,
};

/* Strings point into the input buffer and live until the next frame is read. */
struct unpack_entry {
  uint64_t index;
  uint32_t mode; /* for a node with its S_IFMT bits */
  uint32_t uid, gid;
  uint32_t mtime_ns;
  int64_t mtime_s;
  uint64_t arg; /* file: size in bytes; node: major << 32 | minor */
  const char *path;
  const char *target;
};

struct unpack_slot {
  char *path;
  uint64_t hash;
  int fd;
};

/* A directory's time is set at the very end: every entry made in it would change it again. */
struct unpack_dir_time {
  uint64_t inode;
  int64_t seconds;
  uint32_t nanoseconds;
  uint32_t path_offset;
};

/* The entry that XATTR, DATA and HOLE frames belong to: settled when the next one starts. */
struct unpack_current {
  enum unpack_opcode kind; /* 0: none */
  int fd;                  /* open file or directory, or -1 */
  int parent;
  const char *base; /* points into tree->path */
  uint64_t size, received;
  uint32_t mode;
  struct timespec mtime;
  int chmod_due, ends_in_hole;
};

struct unpack_tree {
  int root;
  int keep_kinds; /* an existing directory is not replaced by another kind, nor another kind by a directory */
  struct unpack_slot cache[UNPACK_CACHE_SLOTS];
  /* Evicted, but the entry being worked on may still use them: closed when it is settled. */
  int retired[UNPACK_CACHE_SLOTS + 8];
  size_t retired_count;
  struct unpack_current current;
  char path[UNPACK_PATH_MAX]; /* of the current entry */
  struct unpack_dir_time *times;
  size_t time_count, time_capacity;
  char *paths;
  size_t paths_length, paths_capacity;
  uint64_t entries, bytes, xattrs_skipped;
  uint64_t index;        /* of the entry being worked on, for the report */
  const char *operation; /* what failed */
  int error;
};

/* argv[1] onwards are the arguments; the result is the exit status. */
int unpack_main(int argc, char **argv);

/* Carries out the op stream on standard input. 0, or -1 with tree->operation, tree->path and tree->error set. */
int unpack_stream(struct unpack_tree *tree);

void unpack_tree_init(struct unpack_tree *tree, int root);
/* Each returns 0, or -1 with tree->operation and tree->error set. */
int unpack_tree_entry(struct unpack_tree *tree, enum unpack_opcode kind, const struct unpack_entry *entry);
int unpack_tree_data(struct unpack_tree *tree, const void *data, size_t length);
int unpack_tree_hole(struct unpack_tree *tree, uint64_t length);
int unpack_tree_xattr(struct unpack_tree *tree, const char *name, const void *value, size_t length);
int unpack_tree_finish(struct unpack_tree *tree);
int unpack_fail(struct unpack_tree *tree, const char *operation, int error);

/* Removes one name below parent, whatever it is and however deep. 0 or -1 with errno; a missing name is an error. */
int unpack_remove(int parent, const char *name);
/* Removes everything below an open directory. 0 or -1 with errno. */
int unpack_empty(int directory);

#endif
