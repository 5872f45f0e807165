/* The change into the rootfs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "exec.h"
#include "fence.h"
#include "plan.h"
#include "root.h"

static bool is_null_device(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
}

/*
 * A stdin that is the host's /dev/null becomes the container's own, so that no descriptor of the host's /dev stays
 * behind.
 */
static void reopen_null(const struct context *ctx) {
  if (!is_null_device(STDIN_FILENO)) return;
  int path = root_open(ctx, "/dev/null", O_PATH | O_NOFOLLOW, 0);
  if (path < 0) return;
  int fd = is_null_device(path) ? root_open(ctx, "/dev/null", O_RDONLY | O_NOFOLLOW, 0) : -1;
  if (fd >= 0 && is_null_device(fd)) dup2(fd, STDIN_FILENO);
  if (fd >= 0) close(fd);
  close(path);
}

int run_pivot(struct context *ctx, const struct op_pivot *op) {
  (void)op;
  if (ctx->root_fd < 0) return EBADF;
  int old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old_root < 0) return errno;
  int error = fchdir(ctx->root_fd) < 0 ? errno : 0;
  /*
   * pivot_root(2), NOTES: with both arguments "." the old root is stacked on the new one, and no directory in the image
   * is needed.
   */
  if (error == 0 && syscall(SYS_pivot_root, ".", ".") < 0) error = fail(ctx, errno, "pivot_root");
  if (error == 0 && fchdir(old_root) < 0) error = errno;
  /* The unmount below must not reach the host, whatever the plan asked of the propagation. */
  if (error == 0 && mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
    error = fail(ctx, errno, "propagation of the old root");
  }
  if (error == 0 && umount2(".", MNT_DETACH) < 0) error = fail(ctx, errno, "unmount of the old root");
  if (error == 0 && chdir("/") < 0) error = errno;
  close(old_root);
  if (error != 0) return error;
  ctx->pivoted = true;
  reopen_null(ctx);
  return exec_close_host(ctx);
}

int run_chdir(struct context *ctx, const struct op_chdir *op) {
  if (chdir(op->path) < 0) return errno;
  /*
   * The raw call, because only the kernel's answer tells: a directory outside of the root has no leading slash
   * (CVE-2024-21626).
   */
  char cwd[PATH_MAX];
  if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0) return errno;
  return cwd[0] == '/' || !fence(FENCE_CWD_INSIDE) ? 0 : fail(ctx, EXDEV, "the directory is outside of the container's root");
}
