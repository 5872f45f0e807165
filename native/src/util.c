#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint8_t *buffer_reserve(struct buffer *buffer, size_t count) {
  size_t needed = buffer->length + count;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    while (capacity < needed) capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data) return NULL;
    buffer->data = data;
    buffer->capacity = capacity;
  }
  return buffer->data + buffer->length;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t count) {
  /* An empty buffer has no memory to point to. */
  if (count == 0) return true;
  uint8_t *at = buffer_reserve(buffer, count);
  if (!at) return false;
  memcpy(at, bytes, count);
  buffer->length += count;
  return true;
}

void buffer_consume(struct buffer *buffer, size_t count) {
  if (count >= buffer->length) {
    buffer_free(buffer);
    return;
  }
  memmove(buffer->data, buffer->data + count, buffer->length - count);
  buffer->length -= count;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  *buffer = (struct buffer){0};
}

bool buffer_u8(struct buffer *buffer, uint8_t value) { return buffer_append(buffer, &value, sizeof(value)); }
bool buffer_u32le(struct buffer *buffer, uint32_t value) { return buffer_append(buffer, &value, sizeof(value)); }
bool buffer_u64le(struct buffer *buffer, uint64_t value) { return buffer_append(buffer, &value, sizeof(value)); }

bool buffer_str(struct buffer *buffer, const char *text) {
  size_t length = strlen(text);
  return buffer_u32le(buffer, (uint32_t)length) && buffer_append(buffer, text, length + 1);
}

uint32_t get_u32le(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

uint32_t get_u32be(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

uint64_t get_u64be(const uint8_t *at) { return (uint64_t)get_u32be(at) << 32 | get_u32be(at + 4); }

void put_u32be(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  at[1] = (uint8_t)(value >> 16);
  at[2] = (uint8_t)(value >> 8);
  at[3] = (uint8_t)value;
}

ssize_t read_byte(int fd, char *byte) {
  ssize_t count;
  do {
    count = read(fd, byte, 1);
  } while (count < 0 && errno == EINTR);
  return count;
}

int write_all(int fd, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  while (count > 0) {
    ssize_t written = write(fd, at, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    at += written;
    count -= (size_t)written;
  }
  return 0;
}

int read_small_file(int dirfd, const char *path, char *out, size_t size) {
  int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t length = read(fd, out, size - 1);
  int error = errno;
  close(fd);
  if (length < 0) {
    errno = error;
    return -1;
  }
  out[length] = 0;
  return (int)length;
}

int open_host(const char *path, int flags) {
  return open(path, flags | O_CLOEXEC | O_NONBLOCK);
}

void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

uint64_t realtime_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
