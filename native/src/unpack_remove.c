/*
 * Removing trees of any depth with two directories open at a time: a subdirectory that is not empty has its own
 * subdirectories moved up to the top before it is removed, so that neither descriptors, the stack nor PATH_MAX bound it.
 */
#include "unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_dot(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_listing(int parent, const char *name)
{
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  DIR *listing = fdopendir(fd);
  if (listing == NULL) {
    int error = errno;
    close(fd);
    errno = error;
  }
  return listing;
}

static int close_listing(DIR *listing, int result)
{
  int error = errno;
  closedir(listing);
  errno = error;
  return result;
}

/* 0 removed, perhaps by another process; 1 a directory with something in it; -1 errno. */
static int remove_shallow(int parent, const struct dirent *item)
{
  if (item->d_type != DT_DIR) {
    if (unlinkat(parent, item->d_name, 0) == 0 || errno == ENOENT)
      return 0;
    if (errno != EISDIR)
      return -1;
  }
  if (unlinkat(parent, item->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
    return 0;
  return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

static int move_up(int from, const char *name, int top, unsigned long *serial)
{
  for (;;) {
    char fresh[48];
    snprintf(fresh, sizeof fresh, ".isle-remove-%lu", (*serial)++);
    if (syscall(SYS_renameat2, from, name, top, fresh, 1u /* RENAME_NOREPLACE */) == 0)
      return 0;
    if (errno != EEXIST)
      return errno == ENOENT ? 0 : -1;
  }
}

static int remove_flat(int top, const char *name, unsigned long *serial)
{
  DIR *listing = open_listing(top, name);
  if (listing == NULL)
    return errno == ENOENT ? 0 : -1;
  struct dirent *item;
  while (errno = 0, (item = readdir(listing)) != NULL) {
    if (is_dot(item->d_name))
      continue;
    int left = remove_shallow(dirfd(listing), item);
    if (left < 0 || (left > 0 && move_up(dirfd(listing), item->d_name, top, serial) < 0))
      return close_listing(listing, -1);
  }
  if (close_listing(listing, errno == 0 ? 0 : -1) < 0)
    return -1;
  /* A listing may miss names while it is being emptied: then the next pass over the top finds this one again. */
  if (unlinkat(top, name, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != ENOENT)
    return -1;
  return 0;
}

int unpack_empty(int directory)
{
  unsigned long serial = 0;
  for (;;) {
    int found = 0;
    DIR *listing = open_listing(directory, ".");
    if (listing == NULL)
      return -1;
    struct dirent *item;
    while (errno = 0, (item = readdir(listing)) != NULL) {
      if (is_dot(item->d_name))
        continue;
      found = 1;
      int left = remove_shallow(directory, item);
      if (left < 0 || (left > 0 && remove_flat(directory, item->d_name, &serial) < 0))
        return close_listing(listing, -1);
    }
    if (close_listing(listing, errno == 0 ? 0 : -1) < 0)
      return -1;
    if (!found)
      return 0;
  }
}

int unpack_remove(int parent, const char *name)
{
  if (unlinkat(parent, name, 0) == 0)
    return 0;
  if (errno != EISDIR)
    return -1;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return -1;
  int result = unpack_empty(fd);
  int error = errno;
  close(fd);
  errno = error;
  return result < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}
