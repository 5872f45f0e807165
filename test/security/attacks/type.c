/* Types a line at the terminal that standard input is, for whoever reads there next (TIOCSTI): `type LINE`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  for (const char *at = argv[1]; *at; at++) {
    if (ioctl(0, TIOCSTI, at) < 0) return puts(strerrorname_np(errno)) < 0;
  }
  return ioctl(0, TIOCSTI, "\n") < 0;
}
