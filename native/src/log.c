#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

void log_flush(struct log *log) {
  if (log->length == 0) return;
  int error = write_all(log->fd, log->buffer, log->length);
  if (error != 0 && log->error == 0) log->error = error;
  log->length = 0;
}

static void put(struct log *log, const char *bytes, size_t count) {
  while (count > 0) {
    size_t room = LOG_BUFFER - log->length;
    size_t part = count < room ? count : room;
    memcpy(log->buffer + log->length, bytes, part);
    log->length += part;
    bytes += part;
    count -= part;
    if (log->length == LOG_BUFFER) log_flush(log);
  }
}

static void put_text(struct log *log, const char *text) { put(log, text, strlen(text)); }

/* Length of the valid UTF-8 sequence at `at`, 0 when there is none. */
static size_t utf8_length(const unsigned char *at, size_t left) {
  unsigned char first = at[0];
  size_t length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  return length;
}

static bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' && byte != '&';
}

static void put_ascii_escape(struct log *log, unsigned char byte) {
  char text[8];
  switch (byte) {
    case '"': put_text(log, "\\\""); return;
    case '\\': put_text(log, "\\\\"); return;
    case '\n': put_text(log, "\\n"); return;
    case '\r': put_text(log, "\\r"); return;
    default:
      snprintf(text, sizeof(text), "\\u%04x", byte);
      put_text(log, text);
  }
}

/* Escapes what is not plain at `at`; how many bytes that took. */
static size_t put_escape(struct log *log, const unsigned char *at, size_t left) {
  if (at[0] < 0x80) {
    put_ascii_escape(log, at[0]);
    return 1;
  }
  size_t length = utf8_length(at, left);
  if (length == 0) {
    put_text(log, "\\ufffd");
    return 1;
  }
  bool separator = length == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
  if (separator) put_text(log, at[2] == 0xa8 ? "\\u2028" : "\\u2029");
  else put(log, (const char *)at, length);
  return length;
}

static void put_string(struct log *log, const char *bytes, size_t count) {
  const unsigned char *at = (const unsigned char *)bytes;
  const unsigned char *end = at + count;
  while (at < end) {
    const unsigned char *plain = at;
    while (at < end && is_plain(*at)) at++;
    put(log, (const char *)plain, (size_t)(at - plain));
    if (at < end) at += put_escape(log, at, (size_t)(end - at));
  }
}

/* RFC3339Nano: the fraction without trailing zeros. */
static void put_time(struct log *log, uint64_t ns) {
  int64_t second = (int64_t)(ns / 1000000000u);
  if (second != log->second) {
    struct tm parts;
    time_t seconds = (time_t)second;
    gmtime_r(&seconds, &parts);
    strftime(log->stamp, sizeof(log->stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    log->second = second;
  }
  put(log, log->stamp, 19);
  char fraction[16];
  int length = snprintf(fraction, sizeof(fraction), ".%09u", (unsigned)(ns % 1000000000u));
  while (length > 0 && fraction[length - 1] == '0') length--;
  if (length == 1) length = 0;
  put(log, fraction, (size_t)length);
  put_text(log, "Z");
}

static void put_message(struct log *log, const char *name, const char *bytes, size_t count, bool newline, uint64_t ns) {
  put_text(log, "{\"log\":\"");
  put_string(log, bytes, count);
  put_text(log, newline ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
  put_text(log, name);
  put_text(log, "\",\"time\":\"");
  put_time(log, ns);
  put_text(log, "\"}\n");
}

static void put_line(struct log *log, struct log_stream *stream, const char *bytes, size_t count) {
  put_message(log, stream->name, bytes, count, true, stream->partial ? stream->partial_ns : realtime_ns());
  stream->partial = false;
}

static void put_piece(struct log *log, struct log_stream *stream) {
  if (!stream->partial) stream->partial_ns = realtime_ns();
  stream->partial = true;
  put_message(log, stream->name, stream->line, stream->length, false, stream->partial_ns);
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
  if (log->fd < 0) return;
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
  if (log->fd >= 0 && stream->length > 0) put_piece(log, stream);
}
