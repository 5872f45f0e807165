#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fence.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern char **environ;

static int copy_file(int from, int to) {
  struct stat info;
  if (fstat(from, &info) < 0) return errno;
  off_t left = info.st_size;
  while (left > 0) {
    ssize_t count = sendfile(to, from, NULL, (size_t)left);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    left -= count;
  }
  return 0;
}

static int sealed_copy(int self, int *out) {
  /* Kernels before 6.3 do not know MFD_EXEC; there every memfd is executable. */
  int copy = memfd_create("islet", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (copy < 0 && errno == EINVAL) copy = memfd_create("islet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return errno;
  int error = copy_file(self, copy);
  if (error == 0 && fcntl(copy, F_ADD_SEALS, SEALS) < 0) error = errno;
  if (error != 0) close(copy);
  *out = copy;
  return error;
}

int seal_self(char **argv) {
  if (!fence(FENCE_SEALED_COPY)) return 0;
  int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (self < 0) return errno;
  int seals = fcntl(self, F_GET_SEALS); /* EINVAL on anything but a memfd */
  if (seals >= 0 && (seals & SEALS) == SEALS) {
    close(self);
    return 0;
  }
  int copy = -1;
  int error = sealed_copy(self, &copy);
  close(self);
  if (error != 0) return error;
  fexecve(copy, argv, environ);
  error = errno;
  close(copy);
  return error;
}
