/*
 * Clients of a monitor's socket. Frames both ways have Docker's head: u8 type, three zero bytes, u32 big-endian length.
 */
#ifndef ISLET_SUBSCRIBER_H
#define ISLET_SUBSCRIBER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util.h"

struct context;
struct monitor;

#define FRAME_STDOUT 0x01
#define FRAME_STDERR 0x02
#define FRAME_SUBSCRIBE 0x10
#define FRAME_STDIN 0x11
#define FRAME_STDIN_CLOSE 0x12
#define FRAME_RESIZE 0x13
#define FRAME_SIGNAL 0x14
#define FRAME_GO 0x15
#define FRAME_COMPRESSED 0x16 /* u64 inode: see log_file_compressed */
#define FRAME_LAUNCHER 0x17
#define FRAME_EXITED 0x20
#define FRAME_OOM 0x21
#define FRAME_SUBSCRIBED 0x23
#define FRAME_SIGNALLED 0x24
#define FRAME_ROTATED 0x25
#define FRAME_RENAMED 0x26 /* answers COMPRESSED */

#define SUBSCRIBE_STDOUT 1
#define SUBSCRIBE_STDERR 2
#define SUBSCRIBE_EVENTS 4
#define SUBSCRIBE_RAW 8
#define SUBSCRIBE_HOLD 16 /* others may come: the container's output is still not read before GO */

#define FRAME_HEAD_SIZE 8
#define SUBSCRIBER_BACKLOG (1u << 20) /* bytes kept for a slow client before the container's output is not read any more */

struct subscriber {
  int fd;
  uint8_t flags;
  bool subscribed;
  bool sent_stdin;
  bool input_ended; /* its half of the connection is closed: only output is left */
  bool dead;
  uint8_t head_length;
  uint8_t head[FRAME_HEAD_SIZE + 8];
  uint32_t stdin_left; /* bytes of a STDIN frame still to come */
  struct buffer out;
  size_t out_at; /* how much of `out` has been written */
  struct subscriber *next;
};

/* Takes all waiting connections. */
void subscribers_accept(struct monitor *monitor);
/* Handles what a client sent. Input of the container is only read while the monitor has none pending. */
void subscriber_read(struct context *ctx, struct subscriber *subscriber);
/* True when nothing may be read of it now. */
bool subscriber_is_held(const struct monitor *monitor, const struct subscriber *subscriber);
/* Writes what is kept for it. */
void subscriber_flush(struct subscriber *subscriber);
/* Sends output to all who asked for it. */
void subscribers_output(struct monitor *monitor, uint8_t type, const uint8_t *bytes, size_t count);
/* Sends an event to all who asked for events. */
void subscribers_event(struct monitor *monitor, uint8_t type, const void *bytes, size_t count);
/* True when a client is so far behind that the container has to wait. */
bool subscribers_are_slow(const struct monitor *monitor);
/* Bytes kept for all clients together. */
size_t subscribers_pending(const struct monitor *monitor);
/* Ends the output of all clients. */
void subscribers_shut_down(const struct monitor *monitor);
/* Forgets those who are gone. */
void subscribers_sweep(struct monitor *monitor);
#endif
