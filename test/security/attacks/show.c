/* Prints the effective user, and what reading FILE gives: `show FILE`. For files with set-id bits and capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  char text[4096];
  int fd = open(argv[1], O_RDONLY);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  const char *outcome = length < 0 ? strerrorname_np(errno) : text;
  if (length >= 0) text[length] = 0;
  printf("%d\n%s\n", (int)geteuid(), outcome);
  return 0;
}
