#include "hold.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "plan.h"
#include "tty.h"

int run_console_socket(struct context *ctx, const struct op_console_socket *op) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(op->path) >= sizeof(address.sun_path)) return ENAMETOOLONG;
  strcpy(address.sun_path, op->path);
  ctx->console_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (ctx->console_fd < 0) return errno;
  return connect(ctx->console_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

int hold_terminal(struct context *ctx, int master) {
  if (ctx->console_fd < 0) {
    ctx->terminal_fd = master;
    return 0;
  }
  int error = tty_send(ctx->console_fd, master);
  close(master);
  close_fd(&ctx->console_fd);
  return error;
}

static int send_byte(const struct context *ctx, char byte) {
  /* write, not send: a seccomp filter that a program can live under lets it through. */
  ssize_t count;
  do {
    count = write(ctx->sync_fd, &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? errno : 0;
}

int run_notify_parent(struct context *ctx, const struct op_notify_parent *op) {
  (void)op;
  return send_byte(ctx, SYNC_MOUNTED);
}

int run_await_child(struct context *ctx, const struct op_await_child *op) {
  (void)op;
  char byte;
  ssize_t count = read_byte(ctx->sync_fd, &byte);
  if (count < 0) return errno;
  if (count == 0) return fail(ctx, ECHILD, "the container's first process died");
  return byte == SYNC_MOUNTED ? 0 : EPROTO;
}

int run_own_stdio(struct context *ctx, const struct op_own_stdio *op) {
  (void)ctx;
  for (int fd = 0; fd <= 2; fd++) {
    struct stat info;
    if (fstat(fd, &info) < 0 || S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode) || info.st_uid == op->uid) continue;
    /* On a read-only file system, or for an id that the file system cannot hold, the owner stays who it is. */
    if (fchown(fd, op->uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM && errno != EROFS) return errno;
  }
  return 0;
}

int run_open_hold(struct context *ctx, const struct op_open_hold *op) {
  if (mkfifo(op->path, 0600) < 0) return errno;
  /* Read and write: a FIFO without a writer would read as ended. */
  ctx->hold_fd = open(op->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (ctx->hold_fd < 0) return errno;
  struct stat info;
  if (fstat(ctx->hold_fd, &info) < 0) return errno;
  return S_ISFIFO(info.st_mode) ? 0 : fail(ctx, EINVAL, "%s is not a FIFO", op->path);
}

static bool over;

bool hold_is_over(void) {
  return over;
}

void hold_tell_failure(const struct context *ctx) {
  const struct report *report = ctx->report;
  char reason[128], line[DETAIL_SIZE + 192];
  snprintf(reason, sizeof(reason), "%s", strerror(report->error));
  reason[0] = (char)tolower((unsigned char)reason[0]);
  bool is_exec = report->failed_op >= 0 && ctx->plan.ops[report->failed_op].code == OP_EXEC;
  int length = snprintf(line, sizeof(line), "%s %s: %s\n", is_exec ? "exec" : "isle-runtime: start failed:", report->detail, reason);
  /* Nothing is to be done about output that nobody takes. */
  if (length > 0) write_all(STDERR_FILENO, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

int run_hold(struct context *ctx, const struct op_hold *op) {
  (void)op;
  char byte;
  int error = send_byte(ctx, SYNC_HELD);
  if (error != 0) return error;
  if (read_byte(ctx->hold_fd, &byte) < 0) return errno;
  over = true;
  return 0;
}

/* What execve would say of it: 0 when it is a file that may be executed. */
static int check_program(const char *path) {
  struct stat info;
  if (stat(path, &info) < 0) return errno;
  if (!S_ISREG(info.st_mode)) return EACCES;
  return access(path, X_OK) < 0 ? errno : 0;
}

int run_find_program(struct context *ctx, const struct op_find_program *op) {
  struct plan_strs directories = op->search_path;
  char path[4096];
  bool denied = false;
  if (!*op->name) return ENOENT;
  if (strchr(op->name, '/')) {
    int error = check_program(op->name);
    return error != 0 ? fail(ctx, error, "stat") : 0;
  }
  while (directories.count > 0) {
    int length = snprintf(path, sizeof(path), "%s/%s", plan_strs_next(&directories), op->name);
    if (length < 0 || (size_t)length >= sizeof(path)) continue;
    int error = check_program(path);
    if (error == 0) return 0;
    if (error == EACCES) denied = true;
  }
  return denied ? EACCES : ENOENT;
}
