/*
 * The fences of an islet that is built to show attacks: all stand but those that ISLE_TEST_WITHOUT names, separated by
 * commas. A name in capitals is one of native/src/fence.h; one in small letters is an operation of the plan, such as
 * no_new_privs, which is then left out.
 */
#include "fence.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan_table.h"

static bool is_without(const char *name) {
  const char *list = getenv("ISLE_TEST_WITHOUT");
  size_t length = strlen(name);
  while (list && *list) {
    size_t word = strcspn(list, ",");
    if (word == length && strncmp(list, name, length) == 0) return true;
    list += word + strspn(list + word, ",");
  }
  return false;
}

bool fence(enum fence name) {
  static const char *const names[] = {
#define X(upper) [FENCE_##upper] = #upper,
      FENCES(X)
#undef X
  };
  return !is_without(names[name]);
}

bool fence_op(uint16_t code) {
  static const char *const names[] = {
#define X(upper, lower) [OP_##upper] = #lower,
      PLAN_OPS(X)
#undef X
  };
  return !is_without(names[code]);
}

/* As runtimes did it: a safe path is found first, and used by its name a moment later. */
int fence_by_name(int fd, uint64_t flags) {
  char self[64];
  char path[PATH_MAX];
  if (fd < 0) return fd;
  snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
  ssize_t length = readlink(self, path, sizeof(path) - 1);
  if (length < 0) return fd;
  path[length] = 0;
  close(fd);
  return open(path, (int)(flags & ~(uint64_t)O_CREAT) | O_CLOEXEC);
}

/* As dockerd did it: nsswitch.conf and the libraries that it names are then the container's. */
void fence_enter(int root_fd) {
  if (fchdir(root_fd) == 0 && chroot(".") == 0) getpwuid(0);
}
