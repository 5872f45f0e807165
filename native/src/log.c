#include "log.h"

#include <string.h>

#include "util.h"

static void emit(struct log *log, struct log_stream *stream, const char *bytes, size_t count, bool open) {
  if (stream->pieces == 0) stream->ns = realtime_ns();
  struct log_record record = {
      .stream = stream->index,
      .open = open,
      .ordinal = open || stream->pieces > 0 ? stream->pieces + 1 : 0,
      .ns = stream->ns,
      .bytes = bytes,
      .count = count,
  };
  log_file_put(&log->file, &record);
}

static void put_line(struct log *log, struct log_stream *stream, const char *bytes, size_t count) {
  emit(log, stream, bytes, count, false);
  stream->pieces = 0;
}

static void put_piece(struct log *log, struct log_stream *stream) {
  emit(log, stream, stream->line, stream->length, true);
  stream->pieces++;
  stream->length = 0;
}

/* Adds to the unfinished line; how many bytes were taken. */
static size_t carry(struct log *log, struct log_stream *stream, const char *bytes, size_t count) {
  size_t room = LOG_LINE_MAX - stream->length;
  size_t part = count < room ? count : room;
  memcpy(stream->line + stream->length, bytes, part);
  stream->length += part;
  if (stream->length == LOG_LINE_MAX) put_piece(log, stream);
  return part;
}

void log_bytes(struct log *log, struct log_stream *stream, const char *bytes, size_t count) {
  if (log->file.fd < 0) return;
  while (count > 0) {
    const char *newline = memchr(bytes, '\n', count);
    size_t length = newline ? (size_t)(newline - bytes) : count;
    if (newline && stream->length == 0 && length < LOG_LINE_MAX) {
      put_line(log, stream, bytes, length);
      length++;
    } else if (newline && stream->length + length < LOG_LINE_MAX) {
      carry(log, stream, bytes, length);
      put_line(log, stream, stream->line, stream->length);
      stream->length = 0;
      length++;
    } else {
      length = carry(log, stream, bytes, length);
    }
    bytes += length;
    count -= length;
  }
}

void log_end(struct log *log, struct log_stream *stream) {
  if (log->file.fd >= 0 && stream->length > 0) put_piece(log, stream);
}

void log_flush(struct log *log) { log_file_flush(&log->file); }

bool log_take_rotated(struct log *log) {
  bool rotated = log->file.rotated;
  log->file.rotated = false;
  return rotated;
}
