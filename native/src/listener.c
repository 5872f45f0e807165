#include "listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "plan.h"
#include "tty.h"

/* Of a listener that does not accept, or does not read. */
#define PATIENCE_S 10

int run_seccomp_listener(struct context *ctx, const struct op_seccomp_listener *op) {
  (void)op;
  if (ctx->listener_fd < 0) return fail(ctx, EINVAL, "the filter has no listener");
  ctx->report->listener_fd = ctx->listener_fd;
  /*
   * The filter is on. This write has to pass it, which the compiler sees to; the calls below may already wait for the
   * listener's answer.
   */
  char byte = SYNC_LISTENER;
  int error = write_all(ctx->sync_fd, &byte, 1);
  if (error != 0) return error;
  /* The section parent's end may have been told before, to nobody who waited for it. */
  do {
    ssize_t count = read_byte(ctx->sync_fd, &byte);
    if (count < 0) return errno;
    if (count == 0) return fail(ctx, EPIPE, "the other side is gone");
  } while (byte != SYNC_LISTENER);
  /* Kept open here, calls would wait for an answer even after the listener has died. */
  close_fd(&ctx->listener_fd);
  return 0;
}

static int connect_to(const char *path, int *out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct timeval patience = {.tv_sec = PATIENCE_S};
  if (strlen(path) >= sizeof(address.sun_path)) return ENAMETOOLONG;
  strcpy(address.sun_path, path);
  *out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (*out < 0) return errno;
  setsockopt(*out, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(*out, (struct sockaddr *)&address, sizeof(address)) == 0) return 0;
  return errno == EAGAIN ? ETIMEDOUT : errno;
}

/* The state with the child's pid between its pieces. */
static bool write_state(const struct context *ctx, struct plan_strs pieces, struct buffer *out) {
  char pid[16];
  int length = snprintf(pid, sizeof(pid), "%d", ctx->pid);
  for (bool first = true; pieces.count > 0; first = false) {
    if (!first && !buffer_append(out, pid, (size_t)length)) return false;
    const char *piece = plan_strs_next(&pieces);
    if (!buffer_append(out, piece, strlen(piece))) return false;
  }
  return true;
}

static int send_to(struct context *ctx, const struct op_seccomp_listener *op, int listener) {
  struct buffer state = {0};
  int socket = -1;
  size_t sent = 0;
  int error = write_state(ctx, op->state, &state) ? connect_to(op->path, &socket) : ENOMEM;
  if (error == 0) error = tty_send_with(socket, listener, state.data, state.length, &sent);
  if (error == 0) error = write_all(socket, state.data + sent, state.length - sent);
  close_fd(&socket);
  buffer_free(&state);
  return error == EAGAIN ? ETIMEDOUT : error;
}

int listener_hand_over(struct context *ctx) {
  struct op_seccomp_listener op;
  uint32_t index = plan_find(&ctx->plan, OP_SECCOMP_LISTENER);
  if (index == PLAN_NO_OP) return fail(ctx, EPROTO, "the child has a listener that is not in the plan");
  struct plan_reader in = ctx->plan.ops[index].payload;
  if (!decode_seccomp_listener(&in, &op)) return fail(ctx, EBADMSG, "malformed");
  int listener = (int)syscall(SYS_pidfd_getfd, ctx->pidfd, ctx->report->listener_fd, 0);
  int error = listener < 0 ? errno : send_to(ctx, &op, listener);
  close_fd(&listener);
  if (error == 0) {
    char byte = SYNC_LISTENER;
    /* EPIPE: the child has died meanwhile, and says why itself. */
    send(ctx->sync_fd, &byte, 1, MSG_NOSIGNAL);
    return 0;
  }
  ctx->report->failed_op = (int32_t)index;
  ctx->report->detail[0] = 0;
  return error;
}
