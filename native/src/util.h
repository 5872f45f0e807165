#ifndef ISLET_UTIL_H
#define ISLET_UTIL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes that grow; all zero is the empty buffer. */
struct buffer {
  uint8_t *data;
  size_t length;
  size_t capacity;
};

/* Room for `count` more bytes behind `length`, or NULL with errno ENOMEM. Does not change `length`. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t count);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t count);
/* Drops the first `count` bytes; frees the memory when nothing is left. */
void buffer_consume(struct buffer *buffer, size_t count);
void buffer_free(struct buffer *buffer);

bool buffer_u8(struct buffer *buffer, uint8_t value);
bool buffer_u32le(struct buffer *buffer, uint32_t value);
bool buffer_u64le(struct buffer *buffer, uint64_t value);
/* u32 length, the bytes, one NUL. */
bool buffer_str(struct buffer *buffer, const char *text);

uint32_t get_u32le(const uint8_t *at);
uint32_t get_u32be(const uint8_t *at);
uint64_t get_u64be(const uint8_t *at);
void put_u32be(uint8_t *at, uint32_t value);

/* Waits for one byte, past signals: 1, 0 at the end, or -1 with errno. */
ssize_t read_byte(int fd, char *byte);

/* Writes everything to a blocking descriptor; 0 or an errno. */
int write_all(int fd, const void *bytes, size_t count);
/*
 * Reads at most size-1 bytes of a small kernel file relative to `dirfd` and terminates them; the length, or -1 with
 * errno.
 */
int read_small_file(int dirfd, const char *path, char *out, size_t size);
/* A file of the host by its path. Does not wait, as open(2) does for the other side of a FIFO; -1 with errno. */
int open_host(const char *path, int flags);
void close_fd(int *fd);
/* CLOCK_REALTIME in nanoseconds. */
uint64_t realtime_ns(void);
/* CLOCK_MONOTONIC in milliseconds. */
int64_t monotonic_ms(void);
#endif
