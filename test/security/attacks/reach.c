/* Reaches for a process or a socket outside: `reach trace PID`, `reach socket NAME` (abstract). Prints "ok" or the errno's name. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static long trace(const char *pid) { return ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL); }

static long reach_socket(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof(address.sun_path) - 2);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  return connect(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&address, length);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long result = strcmp(argv[1], "trace") == 0 ? trace(argv[2]) : reach_socket(argv[2]);
  puts(result == 0 ? "ok" : strerrorname_np(errno));
  return 0;
}
