#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher.h"
#include "plan.h"

#define SOCKET_NAME "monitor.sock"
#define LISTEN_BACKLOG 512
#define READ_CHUNK 65536
/*
 * Output pipes that do not end after the container has: somebody outside holds them. They are given up after this
 * silence.
 */
#define DRAIN_PATIENCE_MS 2000
/* How long the end waits for a client that takes nothing. */
#define FLUSH_PATIENCE_MS 10000
/*
 * How long an ended container waits for isled's first connection after the start, while there is a launcher and so an
 * isled.
 */
#define GREETING_PATIENCE_MS 5000
/* How long the end waits for clients to close their side. */
#define CLOSE_PATIENCE_MS 2000
#define FIXED_POLLS 8
/* More than the kernel keeps of a terminal's output; pipes tell their size. */
#define TERMINAL_BYTES (1u << 20)

enum poll_slot { POLL_LISTEN, POLL_CHILD, POLL_OUT, POLL_ERR, POLL_STDIN, POLL_OOM, POLL_ALIVE, POLL_LOG };

void monitor_init(struct monitor *monitor) {
  monitor->listen_fd = -1;
  monitor->stdin_fd = -1;
  log_init(&monitor->log);
  monitor->oom.events_fd = -1;
  monitor->oom.counter_fd = -1;
  for (int i = 0; i < STREAM_COUNT; i++) {
    monitor->streams[i].fd = -1;
    monitor->streams[i].frame = (uint8_t)(FRAME_STDOUT + i);
    monitor->streams[i].log.index = (uint8_t)(LOG_STDOUT + i);
  }
}

/* The state directory is the working directory: socket addresses are limited to 108 bytes, paths are not. */
int monitor_listen(const char *name, int backlog, int *out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(name) >= sizeof(address.sun_path)) return ENAMETOOLONG;
  strcpy(address.sun_path, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  unlink(name);
  /* The mode of the socket's own inode becomes the file's. */
  if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, backlog) < 0) {
    int error = errno;
    close(fd);
    return error;
  }
  *out = fd;
  return 0;
}

int run_monitor(struct context *ctx, const struct op_monitor *op) {
  struct monitor *monitor = ctx->monitor;
  if (!monitor) return fail(ctx, EINVAL, "a run plan has no monitor");
  monitor->flags = op->flags;
  monitor->waiting = (op->flags & MONITOR_WAIT_ATTACH) != 0;
  if (chdir(op->state_dir) < 0) return fail(ctx, errno, "%s", op->state_dir);
  /* Of an earlier life of this container. */
  unlink("exit");
  int error = monitor_listen(SOCKET_NAME, LISTEN_BACKLOG, &monitor->listen_fd);
  if (error != 0) return fail(ctx, error, "%s/" SOCKET_NAME, op->state_dir);
  return 0;
}

int run_log_file(struct context *ctx, const struct op_log_file *op) {
  if (!ctx->monitor) return fail(ctx, EINVAL, "a run plan has no log");
  if (op->format != LOG_FORMAT_JSON && op->format != LOG_FORMAT_LOCAL) return fail(ctx, EINVAL, "log format %u", op->format);
  struct log_file *file = &ctx->monitor->log.file;
  file->path = op->path;
  file->format = op->format;
  file->max_bytes = op->max_bytes;
  file->max_files = op->max_files;
  file->attrs = op->attrs;
  return log_file_open(file, 0640);
}

int run_log_syslog(struct context *ctx, const struct op_log_syslog *op) {
  if (!ctx->monitor) return fail(ctx, EINVAL, "a run plan has no log");
  struct log_syslog *to = &ctx->monitor->log.syslog;
  to->address = op->address;
  to->type = op->stream ? SOCK_STREAM : SOCK_DGRAM;
  to->facility = op->facility;
  to->format = op->format;
  to->tag = op->tag;
  to->hostname = op->hostname;
  return syslog_open(to);
}

int run_log_queue(struct context *ctx, const struct op_log_queue *op) {
  if (!ctx->monitor) return fail(ctx, EINVAL, "a run plan has no log");
  /* 0 is no queue. One line is let into any. */
  ctx->monitor->log.queue.max_bytes = op->max_bytes > 0 ? op->max_bytes : 1;
  ctx->monitor->log.queue.drops = op->drops != 0;
  return 0;
}

/*
 * Field 22 of /proc/PID/stat. The name, field 2, may hold spaces and brackets; so counting starts behind its last
 * bracket.
 */
unsigned long long monitor_start_ticks(const char *stat_text) {
  const char *at = strrchr(stat_text, ')');
  if (!at) return 0;
  at += 2;
  for (int field = 3; field < 22; field++) {
    at = strchr(at, ' ');
    if (!at) return 0;
    at++;
  }
  return strtoull(at, NULL, 10);
}

int monitor_write_pid(const struct monitor *monitor, int pid) {
  (void)monitor;
  char path[64];
  char text[1024];
  snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  if (read_small_file(AT_FDCWD, path, text, sizeof(text)) < 0) return errno;
  int length = snprintf(text, sizeof(text), "%d %llu %d\n", pid, monitor_start_ticks(text), getpid());
  int fd = open("pid.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = write_all(fd, text, (size_t)length);
  close(fd);
  if (error == 0 && rename("pid.new", "pid") < 0) error = errno;
  return error;
}

void monitor_close(struct monitor *monitor) {
  if (monitor->listen_fd < 0) return;
  unlink(SOCKET_NAME);
  close_fd(&monitor->listen_fd);
}

void monitor_remove_files(struct monitor *monitor) {
  if (monitor->listen_fd >= 0) unlink("pid");
  monitor_close(monitor);
}

int monitor_input_fd(const struct monitor *monitor) {
  if (!(monitor->flags & MONITOR_OPEN_STDIN)) return -1;
  return monitor->flags & MONITOR_TTY ? monitor->streams[0].fd : monitor->stdin_fd;
}

static void drop_input(struct monitor *monitor) {
  buffer_free(&monitor->stdin_pending);
  close_fd(&monitor->stdin_fd);
}

/* Writes what the container takes; -1 when it takes nothing any more. */
static ssize_t offer_input(struct monitor *monitor, const uint8_t *bytes, size_t count) {
  int fd = monitor_input_fd(monitor);
  if (fd < 0) return (ssize_t)count;
  ssize_t written = write(fd, bytes, count);
  if (written >= 0) return written;
  if (errno == EAGAIN || errno == EINTR) return 0;
  drop_input(monitor);
  return -1;
}

void monitor_input(struct monitor *monitor, const uint8_t *bytes, size_t count) {
  if (monitor->stdin_ending) return;
  ssize_t written = offer_input(monitor, bytes, count);
  /* Input that cannot be kept for lack of memory ends the input, rather than losing a piece from its middle. */
  if (written >= 0 && !buffer_append(&monitor->stdin_pending, bytes + written, count - (size_t)written)) {
    drop_input(monitor);
  }
}

static void flush_input(struct monitor *monitor) {
  if (monitor->stdin_pending.length > 0) {
    ssize_t written = offer_input(monitor, monitor->stdin_pending.data, monitor->stdin_pending.length);
    if (written > 0) buffer_consume(&monitor->stdin_pending, (size_t)written);
  }
  if (monitor->stdin_ending && monitor->stdin_pending.length == 0) close_fd(&monitor->stdin_fd);
}

void monitor_end_input(struct monitor *monitor) {
  /* Closing a terminal's master would hang the terminal up; its end of input is a byte, typed by the user. */
  if (!(monitor->flags & MONITOR_STDIN_ONCE) || monitor->flags & MONITOR_TTY) return;
  monitor->stdin_ending = true;
  flush_input(monitor);
}

static void end_stream(struct monitor *monitor, struct stream *stream) {
  log_end(&monitor->log, &stream->log);
  close_fd(&stream->fd);
}

/* More than can have been on its way at the container's end: somebody else has the pipe too, and goes on writing. */
static bool is_drained(const struct stream *stream) {
  int size = fcntl(stream->fd, F_GETPIPE_SZ);
  return stream->drained > (size > 0 ? (uint64_t)size : TERMINAL_BYTES);
}

static void read_output(struct monitor *monitor, struct stream *stream) {
  static uint8_t chunk[READ_CHUNK];
  ssize_t count = read(stream->fd, chunk, sizeof(chunk));
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  /* EIO: the last slave of a terminal was closed. It may be opened again while the container runs. */
  if (count < 0 && errno == EIO && !monitor->exited) return;
  if (count <= 0) {
    end_stream(monitor, stream);
    return;
  }
  log_bytes(&monitor->log, &stream->log, (const char *)chunk, (size_t)count);
  subscribers_output(monitor, stream->frame, chunk, (size_t)count);
  if (!monitor->exited) return;
  stream->drained += (uint64_t)count;
  if (is_drained(stream)) end_stream(monitor, stream);
}

static bool streams_are_open(const struct monitor *monitor) { return monitor->streams[0].fd >= 0 || monitor->streams[1].fd >= 0; }

/* After the container's end its last output, at most what its pipes hold (is_drained), is taken whatever the clients' pace. */
static bool may_read_output(struct monitor *monitor) {
  return !monitor->waiting && (monitor->exited || !(subscribers_are_slow(monitor) || log_is_full(&monitor->log)));
}

static void fill_fixed(const struct context *ctx, struct pollfd *polls) {
  struct monitor *monitor = ctx->monitor;
  bool reading = may_read_output(monitor);
  bool tty = (monitor->flags & MONITOR_TTY) != 0;
  bool writing = monitor->stdin_pending.length > 0;
  for (int i = 0; i < FIXED_POLLS; i++) polls[i] = (struct pollfd){.fd = -1};
  polls[POLL_LISTEN] = (struct pollfd){.fd = monitor->listen_fd, .events = POLLIN};
  polls[POLL_CHILD] = (struct pollfd){.fd = monitor->exited ? -1 : ctx->pidfd, .events = POLLIN};
  if (reading) polls[POLL_OUT] = (struct pollfd){.fd = monitor->streams[0].fd, .events = POLLIN};
  if (reading) polls[POLL_ERR] = (struct pollfd){.fd = monitor->streams[1].fd, .events = POLLIN};
  if (writing) {
    polls[POLL_STDIN] = (struct pollfd){.fd = tty ? monitor->streams[0].fd : monitor->stdin_fd, .events = POLLOUT};
  }
  polls[POLL_LOG] = (struct pollfd){.fd = monitor->log.queue.wake_fd, .events = POLLIN};
  polls[POLL_OOM] = (struct pollfd){.fd = monitor->oom.events_fd, .events = monitor->oom.version == 1 ? POLLIN : POLLPRI};
  if (monitor->launched && (monitor->waiting || monitor->exited)) polls[POLL_ALIVE] = (struct pollfd){.fd = ALIVE_FD};
}

static struct pollfd *fill_polls(const struct context *ctx, size_t *count) {
  static struct pollfd *polls;
  static size_t capacity;
  const struct monitor *monitor = ctx->monitor;
  size_t needed = FIXED_POLLS + monitor->subscriber_count;
  if (needed > capacity) {
    struct pollfd *grown = realloc(polls, (needed + 4) * sizeof(*polls));
    if (!grown) return NULL;
    polls = grown;
    capacity = needed + 4;
  }
  fill_fixed(ctx, polls);
  size_t i = FIXED_POLLS;
  for (const struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    short events = subscriber_is_held(monitor, subscriber) ? 0 : POLLIN;
    if (subscriber->out.length > 0) events |= POLLOUT;
    polls[i++] = (struct pollfd){.fd = subscriber->fd, .events = events};
  }
  *count = needed;
  return polls;
}

static void serve_subscribers(struct context *ctx, const struct pollfd *polls) {
  size_t i = FIXED_POLLS;
  for (struct subscriber *subscriber = ctx->monitor->subscribers; subscriber; subscriber = subscriber->next) {
    short ready = polls[i++].revents;
    if (ready & POLLOUT) subscriber_flush(subscriber);
    if (ready & POLLIN) subscriber_read(ctx, subscriber);
    if (ready & (POLLERR | POLLNVAL) || (ready & POLLHUP && !(ready & POLLIN))) subscriber->dead = true;
  }
  subscribers_sweep(ctx->monitor);
}

/*
 * A terminal whose slaves are all closed hangs up over and over; the container may open one again, so it is looked at
 * now and then.
 */
static int hung_up_terminal(const struct monitor *monitor, const struct pollfd *polls) {
  short ready = polls[POLL_OUT].revents;
  return monitor->flags & MONITOR_TTY && !monitor->exited && ready & POLLHUP && !(ready & POLLIN);
}

/* Without an isled nobody will attach or connect soon. */
static void forget_launcher(struct monitor *monitor) {
  monitor->waiting = false;
  if (monitor->launched) close(ALIVE_FD);
  monitor->launched = false;
}

static void take_wake(const struct monitor *monitor) {
  uint64_t count;
  if (read(monitor->log.queue.wake_fd, &count, sizeof(count)) < 0) return;
}

static void serve_container(struct context *ctx, const struct pollfd *polls) {
  struct monitor *monitor = ctx->monitor;
  if (polls[POLL_OOM].revents && oom_take_event(&monitor->oom)) subscribers_event(monitor, FRAME_OOM, NULL, 0);
  if (polls[POLL_STDIN].revents & (POLLERR | POLLHUP | POLLNVAL) && !(monitor->flags & MONITOR_TTY)) drop_input(monitor);
  else if (polls[POLL_STDIN].revents) flush_input(monitor);
  for (int i = 0; i < STREAM_COUNT; i++) {
    if (polls[POLL_OUT + i].revents && monitor->streams[i].fd >= 0) read_output(monitor, &monitor->streams[i]);
  }
  log_flush(&monitor->log);
  if (polls[POLL_LOG].revents) take_wake(monitor);
  if (log_take_rotated(&monitor->log)) subscribers_event(monitor, FRAME_ROTATED, NULL, 0);
  if (polls[POLL_CHILD].revents) exit_reap(ctx);
  if (polls[POLL_ALIVE].revents) forget_launcher(monitor);
}

/* One round: false when poll ran into its timeout. */
static bool serve_once(struct context *ctx, int timeout_ms) {
  struct monitor *monitor = ctx->monitor;
  size_t count;
  struct pollfd *polls = fill_polls(ctx, &count);
  if (!polls) return false;
  int ready = poll(polls, count, timeout_ms);
  if (ready <= 0) return ready < 0 && errno == EINTR;
  if (hung_up_terminal(monitor, polls)) poll(&polls[POLL_CHILD], 1, 50);
  serve_container(ctx, polls);
  serve_subscribers(ctx, polls);
  if (polls[POLL_LISTEN].revents) subscribers_accept(monitor);
  if (monitor->greeted && !monitor->waiting) forget_launcher(monitor);
  return true;
}

int monitor_run(struct context *ctx) {
  struct monitor *monitor = ctx->monitor;
  monitor->launched = true;
  int error = log_start(&monitor->log);
  /* Without its thread it is written at once, though a syslog server gets nothing then. */
  if (error != 0) monitor->log.file.error = error;
  while (!monitor->exited) {
    /* Only a lack of memory makes a round fail. */
    if (!serve_once(ctx, -1)) poll(NULL, 0, 10);
  }
  while (streams_are_open(monitor)) {
    if (serve_once(ctx, monitor->waiting ? -1 : DRAIN_PATIENCE_MS)) continue;
    for (int i = 0; i < STREAM_COUNT; i++) end_stream(monitor, &monitor->streams[i]);
  }
  log_close(&monitor->log);
  exit_record(ctx);
  int64_t deadline = monotonic_ms() + GREETING_PATIENCE_MS;
  while (!monitor->greeted && monitor->launched && monotonic_ms() < deadline) serve_once(ctx, GREETING_PATIENCE_MS);
  while (subscribers_pending(monitor) > 0 && serve_once(ctx, FLUSH_PATIENCE_MS)) {
  }
  monitor_close(monitor);
  /*
   * A client that still sends would get a reset and lose what it has not read. So it sees the end first, and closes by
   * itself.
   */
  subscribers_shut_down(monitor);
  while (monitor->subscriber_count > 0 && serve_once(ctx, CLOSE_PATIENCE_MS)) {
  }
  return 0;
}
