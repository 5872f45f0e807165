/* The container's link: rtnetlink messages that isle has encoded, each sent and its answer awaited. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "floor.h"

/* As in isle's batches. */
#define NETNS_FD 100
#define DIGITS 7

void send_netlink(const struct bytes *messages) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int on = 1;
  struct timeval timeout = {.tv_sec = 10};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (fd < 0) die("netlink");
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  for (size_t at = 0; at < messages->length;) {
    _Alignas(struct nlmsghdr) char answer[8192];
    struct nlmsghdr head;
    memcpy(&head, messages->data + at, sizeof(head));
    if (sendto(fd, messages->data + at, head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) die("netlink");
    if (recv(fd, answer, sizeof(answer), 0) < 0) die("netlink");
    const struct nlmsgerr *error = NLMSG_DATA((struct nlmsghdr *)answer);
    errno = -error->error;
    if (error->error != 0) die("netlink");
    at += NLMSG_ALIGN(head.nlmsg_len);
  }
  close(fd);
}

/* The kernel takes links down some time after their containers: each round has a name of its own. */
static void name_link(void) {
  static unsigned number;
  char digits[DIGITS + 1];
  snprintf(digits, sizeof(digits), "%07u", (unsigned)(getpid() * 1000 + number++) % 10000000);
  memcpy(config.link_parent.data + config.link_name_at, digits, DIGITS);
}

void make_link(pid_t pid) {
  char path[64];
  name_link();
  snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || dup3(fd, NETNS_FD, O_CLOEXEC) < 0) die(path);
  close(fd);
  send_netlink(&config.link_parent);
  close(NETNS_FD);
}
