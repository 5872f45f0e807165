/* The command line, KEY=VALUE each; and the removal of what a container has written. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "floor.h"

static struct bytes read_bytes(const char *path) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) < 0) die(path);
  struct bytes bytes = {malloc((size_t)info.st_size), (size_t)info.st_size};
  if (!bytes.data || read(fd, bytes.data, bytes.length) != info.st_size) die(path);
  close(fd);
  return bytes;
}

/* cgroup=NAME:DIRECTORY; those of two controllers have work to do of their own. */
static void add_cgroup(char *value) {
  char *colon = strchr(value, ':');
  if (!colon || config.cgroup_count == CGROUPS_MAX) die(value);
  *colon = 0;
  struct cgroup *cgroup = &config.cgroups[config.cgroup_count++];
  *cgroup = (struct cgroup){value, colon + 1};
  if (strcmp(value, "devices") == 0) config.devices = cgroup->directory;
  if (strcmp(value, "memory") == 0) config.memory = cgroup->directory;
}

static void set(const char *key, char *value) {
  if (strcmp(key, "layers") == 0) config.layers = value;
  else if (strcmp(key, "lower") == 0) config.lower = value;
  else if (strcmp(key, "work") == 0) config.work = value;
  else if (strcmp(key, "files") == 0) config.files = value;
  else if (strcmp(key, "cgroup") == 0) add_cgroup(value);
  else if (strcmp(key, "unified") == 0) config.unified = value;
  else if (strcmp(key, "mask") == 0 && config.mask_count < MASKS_MAX) config.masks[config.mask_count++] = value;
  else if (strcmp(key, "filter") == 0) config.filter = read_bytes(value);
  else if (strcmp(key, "link-parent") == 0) config.link_parent = read_bytes(value);
  else if (strcmp(key, "link-child") == 0) config.link_child = read_bytes(value);
  else if (strcmp(key, "link-name-at") == 0) config.link_name_at = strtoul(value, NULL, 10);
  else {
    errno = EINVAL;
    die(key);
  }
}

void read_config(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (!equals) die(argv[i]);
    *equals = 0;
    set(argv[i], equals + 1);
  }
  errno = EINVAL;
  if (!config.layers || !config.lower || !config.work || !config.files || config.link_child.length == 0) die("an argument is missing");
}

void remove_tree(int parent, const char *name) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (!directory) die(name);
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (entry->d_type == DT_DIR) remove_tree(fd, entry->d_name);
    else if (unlinkat(fd, entry->d_name, 0) < 0) die(entry->d_name);
  }
  closedir(directory);
  if (unlinkat(parent, name, AT_REMOVEDIR) < 0) die(name);
}
