#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fence.h"
#include "plan.h"
#include "root.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

union fd_message {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
};

int tty_send_with(int socket, int fd, const void *bytes, size_t count, size_t *sent) {
  union fd_message control = {0};
  struct iovec data = {(void *)(uintptr_t)bytes, count};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &fd, sizeof(fd));
  ssize_t length = sendmsg(socket, &message, MSG_NOSIGNAL);
  if (length < 0) return errno;
  *sent = (size_t)length;
  return 0;
}

int tty_send(int socket, int fd) {
  size_t sent;
  return tty_send_with(socket, fd, "T", 1, &sent);
}

ssize_t tty_receive(int socket, int *fd, char *byte) {
  union fd_message control = {0};
  struct iovec data = {byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count <= 0) return count;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(head), sizeof(*fd));
  return count;
}

int tty_resize(int master, uint32_t rows, uint32_t cols) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
  return ioctl(master, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

/* The multiplexer of the container's own devpts: a link or a device of the image by that name is refused. */
static int open_master(struct context *ctx, int *out) {
  struct statfs fs;
  struct stat info;
  bool verified = fence(FENCE_DEVPTS);
  int fd = root_open(ctx, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | (verified ? O_NOFOLLOW : 0), 0);
  if (fd < 0) return fail(ctx, errno, "/dev/pts/ptmx");
  bool is_master = fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC && fstat(fd, &info) == 0 && info.st_rdev == makedev(5, 2);
  if (verified && !is_master) {
    close(fd);
    return fail(ctx, ENODEV, "/dev/pts is not devpts");
  }
  *out = fd;
  return 0;
}

static int open_slave(int master, uint32_t uid, int *out) {
  int unlock = 0;
  if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return errno;
  int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno;
  if (uid != 0 && fchown(fd, uid, (gid_t)-1) < 0) {
    int error = errno;
    close(fd);
    return error;
  }
  *out = fd;
  return 0;
}

static int bind_console(struct context *ctx, int slave) {
  int target = root_open(ctx, "/dev/console", O_PATH | O_NOFOLLOW, 0);
  if (target < 0 && errno == ENOENT) {
    target = root_open(ctx, "/dev/console", O_RDONLY | O_CREAT | O_EXCL | O_NOCTTY, 0620);
  }
  if (target < 0) return fail(ctx, errno, "/dev/console");
  int source = fence(FENCE_CONSOLE) ? slave : root_open(ctx, "/dev/pts/0", O_PATH, 0);
  int tree = open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  int error = tree < 0 ? errno : 0;
  if (error == 0 && move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
    error = errno;
  }
  if (tree >= 0) close(tree);
  close(target);
  return error == 0 ? 0 : fail(ctx, error, "/dev/console");
}

int run_setsid(struct context *ctx, const struct op_setsid *op) {
  (void)ctx;
  (void)op;
  /* EPERM: this process leads its session already, because it opened a terminal before. */
  return setsid() < 0 && errno != EPERM ? errno : 0;
}

int tty_start_session(int slave) {
  if (setsid() < 0 && errno != EPERM) return errno;
  return ioctl(slave, TIOCSCTTY, 0) < 0 ? errno : 0;
}

static int take_streams(int slave) {
  for (int fd = 0; fd <= 2; fd++) {
    if (dup2(slave, fd) < 0) return errno;
  }
  return 0;
}

static int open_terminal(struct context *ctx, const struct op_pty *op, bool console) {
  int master = -1;
  int slave = -1;
  int error = open_master(ctx, &master);
  if (error == 0) error = open_slave(master, op->uid, &slave);
  if (error == 0 && (op->rows || op->cols)) error = tty_resize(master, op->rows, op->cols);
  if (error == 0 && console) error = bind_console(ctx, slave);
  if (error == 0 && !ctx->terminal_waits) error = tty_start_session(slave);
  if (error == 0) error = take_streams(slave);
  if (error == 0) error = tty_send(ctx->sync_fd, master);
  close_fd(&slave);
  close_fd(&master);
  return error;
}

int run_pty(struct context *ctx, const struct op_pty *op) {
  ctx->terminal_waits = plan_find(&ctx->plan, OP_APPEAR) != PLAN_NO_OP;
  return open_terminal(ctx, op, true);
}

int run_exec_pty(struct context *ctx, const struct op_exec_pty *op) {
  struct op_pty pty = {.rows = op->rows, .cols = op->cols, .uid = op->uid};
  ctx->terminal_waits = true;
  return open_terminal(ctx, &pty, false);
}
