#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "util.h"

static volatile sig_atomic_t resized = 1;

static void on_resize(int number) {
  (void)number;
  resized = 1;
}

static bool make_raw(struct termios *before) {
  if (tcgetattr(STDIN_FILENO, before) < 0) return false;
  struct termios raw = *before;
  cfmakeraw(&raw);
  return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void copy_size(int master) {
  struct winsize size;
  resized = 0;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ioctl(master, TIOCSWINSZ, &size);
}

/* False at the end of the stream. */
static bool copy_some(int from, int to) {
  char chunk[16384];
  ssize_t count = read(from, chunk, sizeof(chunk));
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  return count > 0 && write_all(to, chunk, (size_t)count) == 0;
}

static void serve(int master, int pidfd) {
  struct pollfd polls[3] = {{.fd = master, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
  bool ended = false;
  for (;;) {
    if (resized) copy_size(master);
    int ready = poll(polls, 3, ended ? 0 : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || (ended && !(polls[0].revents & POLLIN))) return;
    if (polls[0].revents & POLLIN && !copy_some(master, STDOUT_FILENO)) return;
    if (polls[1].revents && !copy_some(STDIN_FILENO, master)) polls[1].fd = -1;
    if (polls[2].revents) {
      ended = true;
      polls[1].fd = polls[2].fd = -1;
    } else if (polls[0].revents == POLLHUP) {
      /* Every slave is closed, but the process may open its terminal again: look at it now and then. */
      poll(&polls[2], 1, 50);
    }
  }
}

void proxy_terminal(int master, int pidfd) {
  struct termios before;
  struct sigaction action = {.sa_handler = on_resize};
  sigaction(SIGWINCH, &action, NULL);
  bool raw = make_raw(&before);
  serve(master, pidfd);
  if (raw) tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}
