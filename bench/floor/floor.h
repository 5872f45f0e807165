/* What the pieces of the floor share. */
#ifndef FLOOR_H
#define FLOOR_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PATH_SIZE 4096
#define CGROUPS_MAX 16
#define MASKS_MAX 64

/* In the order of the last moment of each; the child marks those from CLONE to SECCOMP. */
enum phase {
  DIRECTORIES,
  CGROUPS,
  CLONE,
  JOIN,
  OVERLAY,
  MOUNTS,
  DEVICES,
  NETWORK,
  KERNEL_PATHS,
  PIVOT,
  IDENTITY,
  SECCOMP,
  END,
  CGROUPS_REMOVED,
  DIRECTORIES_REMOVED,
  PHASE_COUNT
};

struct bytes {
  uint8_t *data;
  size_t length;
};

struct cgroup {
  const char *name;      /* of the hierarchy, below /sys/fs/cgroup in the container */
  const char *directory; /* of the container */
};

/* All of the command line: paths of this host, and bytes that isle's own code has made. */
struct config {
  const char *layers; /* where the lower directories' names begin */
  const char *lower;
  const char *work; /* the container's directory: upper, work, merged */
  const char *files; /* directory of hosts, hostname and resolv.conf */
  struct cgroup cgroups[CGROUPS_MAX];
  int cgroup_count;
  const char *unified;
  const char *devices;
  const char *memory;
  const char *masks[MASKS_MAX]; /* more than the default ones */
  int mask_count;
  struct bytes filter;
  struct bytes link_parent; /* rtnetlink batches; the first one is empty without a link */
  struct bytes link_child;
  size_t link_name_at; /* where in link_parent seven digits tell links apart */
};

struct page {
  uint64_t at[PHASE_COUNT + 1];
  int watch[2];
};

extern struct config config;
extern struct page *page;

_Noreturn void die(const char *what);
void done(enum phase phase);
void write_file(const char *directory, const char *name, const char *value);

/* config.c */
void read_config(int argc, char **argv);
void remove_tree(int parent, const char *name);

/* network.c */
void make_link(pid_t pid);
void send_netlink(const struct bytes *messages);

/* rootfs.c */
void make_rootfs(int sync);
int root_open(const char *path, uint64_t flags, uint32_t mode);
void pivot(void);

/* child.c */
_Noreturn void child(int sync);
#endif
