/* Docker's json-file. Invalid UTF-8 becomes U+FFFD, byte by byte, as Go's decoder does. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log_file.h"

/* An escape has six bytes at most; the rest is keys, names and a time. */
#define ESCAPE_MAX 6
#define FRAME_ROOM 128

struct out {
  uint8_t *at;
};

static void put(struct out *out, const void *bytes, size_t count) {
  memcpy(out->at, bytes, count);
  out->at += count;
}

static void put_text(struct out *out, const char *text) { put(out, text, strlen(text)); }

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

static void put_ascii_escape(struct out *out, unsigned char byte) {
  char text[8];
  switch (byte) {
    case '"': put_text(out, "\\\""); return;
    case '\\': put_text(out, "\\\\"); return;
    case '\n': put_text(out, "\\n"); return;
    case '\r': put_text(out, "\\r"); return;
    default:
      snprintf(text, sizeof(text), "\\u%04x", byte);
      put_text(out, text);
  }
}

/* Escapes what is not plain at `at`; how many bytes that took. */
static size_t put_escape(struct out *out, const unsigned char *at, size_t left) {
  if (at[0] < 0x80) {
    put_ascii_escape(out, at[0]);
    return 1;
  }
  size_t length = utf8_length(at, left);
  if (length == 0) {
    put_text(out, "\\ufffd");
    return 1;
  }
  bool separator = length == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
  if (separator) put_text(out, at[2] == 0xa8 ? "\\u2028" : "\\u2029");
  else put(out, at, length);
  return length;
}

static void put_string(struct out *out, const char *bytes, size_t count) {
  const unsigned char *at = (const unsigned char *)bytes;
  const unsigned char *end = at + count;
  while (at < end) {
    const unsigned char *plain = at;
    while (at < end && is_plain(*at)) at++;
    put(out, plain, (size_t)(at - plain));
    if (at < end) at += put_escape(out, at, (size_t)(end - at));
  }
}

/* RFC3339Nano: the fraction without trailing zeros. */
static void put_time(struct log_file *file, struct out *out, uint64_t ns) {
  int64_t second = (int64_t)(ns / 1000000000u);
  if (second != file->second) {
    struct tm parts;
    time_t seconds = (time_t)second;
    gmtime_r(&seconds, &parts);
    strftime(file->stamp, sizeof(file->stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    file->second = second;
  }
  put(out, file->stamp, 19);
  char fraction[10] = ".000000000";
  unsigned rest = (unsigned)(ns % 1000000000u);
  size_t length = rest == 0 ? 0 : 10;
  for (int i = 9; i > 0; i--, rest /= 10) fraction[i] = (char)('0' + rest % 10);
  while (length > 0 && fraction[length - 1] == '0') length--;
  put(out, fraction, length);
  put_text(out, "Z");
}

size_t log_json_max(const struct log_file *file) { return ESCAPE_MAX * (size_t)LOG_LINE_MAX + file->attrs.length + FRAME_ROOM; }

size_t log_json_format(struct log_file *file, const struct log_record *record, uint8_t *to) {
  struct out out = {to};
  put_text(&out, "{\"log\":\"");
  put_string(&out, record->bytes, record->count);
  put_text(&out, record->open ? "\",\"stream\":\"" : "\\n\",\"stream\":\"");
  put_text(&out, record->stream == LOG_STDOUT ? "stdout" : "stderr");
  if (file->attrs.length > 0) {
    put_text(&out, "\",\"attrs\":");
    put(&out, file->attrs.data, file->attrs.length);
    put_text(&out, ",\"time\":\"");
  } else {
    put_text(&out, "\",\"time\":\"");
  }
  put_time(file, &out, record->ns);
  put_text(&out, "\"}\n");
  return (size_t)(out.at - to);
}
