/* Sends netlink messages that TypeScript encoded. */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "netns.h"
#include "plan.h"

#define ANSWER_SIZE 8192
#define ANSWER_TIMEOUT_S 10

static int open_netlink(uint32_t protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)protocol);
  if (fd < 0) return -1;
  int on = 1;
  struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
  /*
   * The kernel's own words for a refusal, and acks without a copy of the request. Older kernels lack these; nothing
   * depends on them.
   */
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  return fd;
}

static int send_bytes(int fd, const uint8_t *bytes, size_t length) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent = sendto(fd, bytes, length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
  return sent < 0 ? errno : (size_t)sent == length ? 0 : EMSGSIZE;
}

/* Copies the text attribute of an extended ack, which follows the error and, unless capped, the request. */
static void note_text(struct context *ctx, const struct nlmsghdr *head) {
  const struct nlmsgerr *body = NLMSG_DATA(head);
  if (!(head->nlmsg_flags & NLM_F_ACK_TLVS)) return;
  size_t at = NLMSG_HDRLEN + sizeof(*body);
  if (!(head->nlmsg_flags & NLM_F_CAPPED)) at += NLMSG_ALIGN(body->msg.nlmsg_len) - NLMSG_HDRLEN;
  while (at + NLA_HDRLEN <= head->nlmsg_len) {
    struct nlattr attribute;
    memcpy(&attribute, (const char *)head + at, sizeof(attribute));
    if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > head->nlmsg_len) return;
    if ((attribute.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) {
      fail(ctx, 0, "%.*s", attribute.nla_len - NLA_HDRLEN, (const char *)head + at + NLA_HDRLEN);
      return;
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
}

/* Reads until `acks` answers have come; the first refusal ends it. */
static int await_acks(struct context *ctx, int fd, uint32_t acks) {
  _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
  while (acks > 0) {
    ssize_t length = recv(fd, answer, sizeof(answer), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    size_t left = (size_t)length;
    for (const struct nlmsghdr *head = (const void *)answer; NLMSG_OK(head, left); head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type != NLMSG_ERROR || head->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))) continue;
      const struct nlmsgerr *body = NLMSG_DATA(head);
      if (body->error != 0) {
        note_text(ctx, head);
        return -body->error;
      }
      if (acks > 0) acks--;
    }
  }
  return 0;
}

/* Length of the message at `at`, 0 when it is malformed; whether it asks for an ack goes to *ack. */
static size_t message_length(const uint8_t *at, const uint8_t *end, bool *ack) {
  struct nlmsghdr head;
  if ((size_t)(end - at) < sizeof(head)) return 0;
  memcpy(&head, at, sizeof(head));
  if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > (size_t)(end - at)) return 0;
  *ack = (head.nlmsg_flags & NLM_F_ACK) != 0;
  size_t aligned = NLMSG_ALIGN(head.nlmsg_len);
  return aligned < (size_t)(end - at) ? aligned : (size_t)(end - at);
}

/* rtnetlink goes on after a refused message, so each is sent by itself and its answer awaited. */
static int send_each(struct context *ctx, int fd, const uint8_t *at, const uint8_t *end) {
  while (at < end) {
    bool ack = false;
    size_t length = message_length(at, end, &ack);
    if (length == 0 || !ack) return fail(ctx, EBADMSG, "a netlink message is malformed or asks for no ack");
    int error = send_bytes(fd, at, length);
    if (error == 0) error = await_acks(ctx, fd, 1);
    if (error != 0) return error;
    at += length;
  }
  return 0;
}

/* nfnetlink takes a whole batch, from begin to end, in one piece: it is one transaction. */
static int send_batch(struct context *ctx, int fd, const uint8_t *at, const uint8_t *end) {
  uint32_t acks = 0;
  for (const uint8_t *next = at; next < end;) {
    bool ack = false;
    size_t length = message_length(next, end, &ack);
    if (length == 0) return fail(ctx, EBADMSG, "a netlink message is malformed");
    if (ack) acks++;
    next += length;
  }
  if (acks == 0) return fail(ctx, EBADMSG, "no message of the batch asks for an ack");
  int error = send_bytes(fd, at, (size_t)(end - at));
  return error != 0 ? error : await_acks(ctx, fd, acks);
}

static int exchange(struct context *ctx, int fd, uint32_t protocol, const struct plan_bytes *messages) {
  if (fd < 0) return errno;
  const uint8_t *end = messages->data + messages->length;
  int error = protocol == NETLINK_NETFILTER ? send_batch(ctx, fd, messages->data, end) : send_each(ctx, fd, messages->data, end);
  close(fd);
  return error;
}

int run_netlink(struct context *ctx, const struct op_netlink *op) {
  return exchange(ctx, open_netlink(op->protocol), op->protocol, &op->messages);
}

/* A socket stays in the namespace in which it was made, so only that needs the process to be there. */
int run_netlink_in(struct context *ctx, const struct op_netlink_in *op) {
  int home = netns_enter(op->path);
  if (home < 0) return errno;
  int fd = open_netlink(op->protocol);
  int opened = errno;
  int error = netns_leave(home);
  if (error != 0) {
    close_fd(&fd);
    return error;
  }
  errno = opened;
  return exchange(ctx, fd, op->protocol, &op->messages);
}
