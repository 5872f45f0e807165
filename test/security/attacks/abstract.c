/* CVE-2020-15257: connects to the unix socket with this name in the abstract namespace: `abstract NAME`. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = argc == 2 ? strlen(argv[1]) : sizeof(address.sun_path);
  if (length >= sizeof(address.sun_path)) return 2;
  memcpy(address.sun_path + 1, argv[1], length);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  puts(connect(fd, (struct sockaddr *)&address, size) == 0 ? "connected" : strerrorname_np(errno));
  return 0;
}
