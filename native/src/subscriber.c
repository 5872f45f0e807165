#include "subscriber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hosted.h"
#include "monitor.h"
#include "tty.h"

#define INPUT_CHUNK 16384
#define SUBSCRIBERS_MAX 512

static size_t backlog(const struct subscriber *subscriber) { return subscriber->out.length - subscriber->out_at; }

static bool is_temporary(int error) { return error == EAGAIN || error == EINTR; }

void subscriber_flush(struct subscriber *subscriber) {
  while (!subscriber->dead && backlog(subscriber) > 0) {
    ssize_t count = send(subscriber->fd, subscriber->out.data + subscriber->out_at, backlog(subscriber), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      if (!is_temporary(errno)) subscriber->dead = true;
      break;
    }
    subscriber->out_at += (size_t)count;
  }
  if (backlog(subscriber) == 0) {
    buffer_free(&subscriber->out);
    subscriber->out_at = 0;
  }
}

/* Keeps what the socket did not take. A client that memory is lacking for is dropped. */
static void keep(struct subscriber *subscriber, const uint8_t *bytes, size_t count) {
  if (subscriber->out_at > subscriber->out.length / 2) {
    buffer_consume(&subscriber->out, subscriber->out_at);
    subscriber->out_at = 0;
  }
  if (!buffer_append(&subscriber->out, bytes, count)) subscriber->dead = true;
}

static void send_parts(struct subscriber *subscriber, const uint8_t *head, size_t head_length, const uint8_t *bytes, size_t count) {
  if (subscriber->dead) return;
  size_t sent = 0;
  if (backlog(subscriber) == 0) {
    struct iovec parts[2] = {{(void *)(uintptr_t)head, head_length}, {(void *)(uintptr_t)bytes, count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t written = sendmsg(subscriber->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && !is_temporary(errno)) {
      subscriber->dead = true;
      return;
    }
    sent = written > 0 ? (size_t)written : 0;
  }
  if (sent < head_length) {
    keep(subscriber, head + sent, head_length - sent);
    sent = head_length;
  }
  if (sent - head_length < count) keep(subscriber, bytes + (sent - head_length), count - (sent - head_length));
}

static void send_frame(struct subscriber *subscriber, uint8_t type, const void *bytes, size_t count) {
  uint8_t head[FRAME_HEAD_SIZE] = {type};
  put_u32be(head + 4, (uint32_t)count);
  send_parts(subscriber, head, sizeof(head), bytes, count);
}

void subscribers_output(struct monitor *monitor, uint8_t type, const uint8_t *bytes, size_t count) {
  uint8_t wanted = type == FRAME_STDOUT ? SUBSCRIBE_STDOUT : SUBSCRIBE_STDERR;
  for (struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    if (!subscriber->subscribed || !(subscriber->flags & wanted)) continue;
    if (subscriber->flags & SUBSCRIBE_RAW) send_parts(subscriber, NULL, 0, bytes, count);
    else send_frame(subscriber, type, bytes, count);
  }
}

/* A raw client gets nothing but output after SUBSCRIBED: it could not tell an event from it. */
static bool wants_events(const struct subscriber *subscriber) {
  return subscriber->subscribed && (subscriber->flags & (SUBSCRIBE_EVENTS | SUBSCRIBE_RAW)) == SUBSCRIBE_EVENTS;
}

void subscribers_event(struct monitor *monitor, uint8_t type, const void *bytes, size_t count) {
  for (struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    if (wants_events(subscriber)) send_frame(subscriber, type, bytes, count);
  }
}

bool subscribers_are_slow(const struct monitor *monitor) {
  for (const struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    if (!subscriber->dead && backlog(subscriber) >= SUBSCRIBER_BACKLOG) return true;
  }
  return false;
}

size_t subscribers_pending(const struct monitor *monitor) {
  size_t total = 0;
  for (const struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    if (!subscriber->dead) total += backlog(subscriber);
  }
  return total;
}

void subscribers_shut_down(const struct monitor *monitor) {
  for (const struct subscriber *subscriber = monitor->subscribers; subscriber; subscriber = subscriber->next) {
    shutdown(subscriber->fd, SHUT_WR);
  }
}

void subscribers_accept(struct monitor *monitor) {
  for (;;) {
    int fd = accept4(monitor->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    struct subscriber *subscriber = monitor->subscriber_count < SUBSCRIBERS_MAX ? calloc(1, sizeof(*subscriber)) : NULL;
    if (!subscriber) {
      close(fd);
      continue;
    }
    subscriber->fd = fd;
    subscriber->next = monitor->subscribers;
    monitor->subscribers = subscriber;
    monitor->subscriber_count++;
  }
}

void subscribers_sweep(struct monitor *monitor) {
  struct subscriber **link = &monitor->subscribers;
  while (*link) {
    struct subscriber *subscriber = *link;
    if (!subscriber->dead) {
      link = &subscriber->next;
      continue;
    }
    *link = subscriber->next;
    monitor->subscriber_count--;
    if (subscriber->sent_stdin) monitor_end_input(monitor);
    close(subscriber->fd);
    buffer_free(&subscriber->out);
    free(subscriber);
  }
}

bool subscriber_is_held(const struct monitor *monitor, const struct subscriber *subscriber) {
  return subscriber->input_ended || (subscriber->stdin_left > 0 && monitor->stdin_pending.length > 0);
}

static void subscribe(struct monitor *monitor, struct subscriber *subscriber, uint8_t flags) {
  subscriber->flags = flags;
  subscriber->subscribed = true;
  send_frame(subscriber, FRAME_SUBSCRIBED, NULL, 0);
  if (flags & (SUBSCRIBE_STDOUT | SUBSCRIBE_STDERR) && !(flags & SUBSCRIBE_HOLD)) monitor->waiting = false;
  if (wants_events(subscriber)) monitor->greeted = true;
  if (monitor->record.length > 0 && wants_events(subscriber)) {
    send_frame(subscriber, FRAME_EXITED, monitor->record.data, monitor->record.length);
  }
}

static void signal_container(struct context *ctx, struct subscriber *subscriber, uint32_t number) {
  int error = syscall(SYS_pidfd_send_signal, ctx->pidfd, (int)number, NULL, 0) < 0 ? errno : 0;
  uint8_t answer[4];
  put_u32be(answer, (uint32_t)error);
  if (!(subscriber->flags & SUBSCRIBE_RAW)) send_frame(subscriber, FRAME_SIGNALLED, answer, sizeof(answer));
}

/*
 * Payload size of a frame from a client, -1 when it is unknown or not allowed before SUBSCRIBE. STDIN's is read by
 * subscriber_read.
 */
static int payload_size(const struct subscriber *subscriber) {
  uint8_t type = subscriber->head[0];
  if (!subscriber->subscribed) return type == FRAME_SUBSCRIBE ? 1 : -1;
  switch (type) {
    case FRAME_STDIN_CLOSE:
    case FRAME_GO:
      return 0;
    case FRAME_SIGNAL:
      return 4;
    case FRAME_RESIZE:
    case FRAME_COMPRESSED:
      return 8;
    default:
      return -1;
  }
}

static void handle_frame(struct context *ctx, struct subscriber *subscriber) {
  struct monitor *monitor = ctx->monitor;
  const uint8_t *payload = subscriber->head + FRAME_HEAD_SIZE;
  switch (subscriber->head[0]) {
    case FRAME_SUBSCRIBE:
      subscribe(monitor, subscriber, payload[0]);
      break;
    case FRAME_STDIN_CLOSE:
      subscriber->sent_stdin = false;
      monitor_end_input(monitor);
      break;
    case FRAME_GO:
      monitor->waiting = false;
      break;
    case FRAME_SIGNAL:
      signal_container(ctx, subscriber, get_u32be(payload));
      break;
    case FRAME_COMPRESSED:
      log_compressed(&monitor->log, get_u64be(payload));
      if (wants_events(subscriber)) send_frame(subscriber, FRAME_RENAMED, NULL, 0);
      break;
    case FRAME_RESIZE:
      if (monitor->flags & MONITOR_TTY && monitor->streams[0].fd >= 0) {
        tty_resize(monitor->streams[0].fd, get_u32be(payload), get_u32be(payload + 4));
      }
      break;
  }
}

/*
 * Reads exactly what is missing, so that nothing of a later frame has to be kept while the container does not take its
 * input.
 */
static bool read_into(struct monitor *monitor, struct subscriber *subscriber, uint8_t *at, size_t wanted, size_t *got) {
  ssize_t count = recv(subscriber->fd, at, wanted, MSG_DONTWAIT);
  if (count < 0 && is_temporary(errno)) return false;
  if (count < 0) subscriber->dead = true;
  if (count == 0) {
    /* Perhaps only its sending half is closed: output goes on until a write fails or poll tells of the hang-up. */
    subscriber->input_ended = true;
    if (subscriber->sent_stdin) monitor_end_input(monitor);
    subscriber->sent_stdin = false;
  }
  if (count <= 0) return false;
  *got = (size_t)count;
  return true;
}

static bool read_stdin(struct context *ctx, struct subscriber *subscriber) {
  static uint8_t chunk[INPUT_CHUNK];
  size_t wanted = subscriber->stdin_left < sizeof(chunk) ? subscriber->stdin_left : sizeof(chunk);
  size_t got;
  if (!read_into(ctx->monitor, subscriber, chunk, wanted, &got)) return false;
  subscriber->stdin_left -= (uint32_t)got;
  subscriber->sent_stdin = true;
  monitor_input(ctx->monitor, chunk, got);
  return true;
}

static bool read_frame(struct context *ctx, struct subscriber *subscriber) {
  size_t wanted = FRAME_HEAD_SIZE;
  if (subscriber->head_length >= FRAME_HEAD_SIZE) wanted += (size_t)payload_size(subscriber);
  size_t got;
  if (!read_into(ctx->monitor, subscriber, subscriber->head + subscriber->head_length, wanted - subscriber->head_length, &got)) {
    return false;
  }
  subscriber->head_length += (uint8_t)got;
  if (subscriber->head_length < wanted) return true;
  if (wanted == FRAME_HEAD_SIZE) {
    uint32_t length = get_u32be(subscriber->head + 4);
    if (subscriber->subscribed && subscriber->head[0] == FRAME_STDIN) {
      subscriber->stdin_left = length;
      subscriber->head_length = 0;
      return true;
    }
    /* The connection is the new launcher's from now on. */
    if (subscriber->head[0] == FRAME_LAUNCHER && !subscriber->subscribed) {
      hosted_launcher(ctx->monitor->process, subscriber->fd, length);
      subscriber->dead = true;
      return false;
    }
    int size = payload_size(subscriber);
    if (size < 0 || length != (uint32_t)size) {
      subscriber->dead = true;
      return false;
    }
    if (size > 0) return true;
  }
  subscriber->head_length = 0;
  handle_frame(ctx, subscriber);
  return true;
}

void subscriber_read(struct context *ctx, struct subscriber *subscriber) {
  /* Bounded, so that one client cannot keep the monitor from the container's output. */
  for (int i = 0; i < 64 && !subscriber->dead && !subscriber_is_held(ctx->monitor, subscriber); i++) {
    bool more = subscriber->stdin_left > 0 ? read_stdin(ctx, subscriber) : read_frame(ctx, subscriber);
    if (!more) return;
  }
}
