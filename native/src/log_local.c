/*
 * Docker's format of the driver local: a big-endian u32 length, a protobuf message of that length, the length once more.
 *
 *   message LogEntry { string source = 1; int64 time_nano = 2; bytes line = 3; bool partial = 4; Partial partial_log_metadata = 5; }
 *   message Partial { bool last = 1; string id = 2; int32 ordinal = 3; }
 */
#include <stdio.h>
#include <string.h>

#include "log_file.h"
#include "util.h"

#define FRAME_ROOM 128
#define VARINT_MAX 10
#define WIRE_VARINT 0
#define WIRE_BYTES 2

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

static uint8_t *put_number(uint8_t *at, unsigned field, uint64_t value) {
  *at++ = (uint8_t)(field << 3 | WIRE_VARINT);
  return put_varint(at, value);
}

static uint8_t *put_bytes(uint8_t *at, unsigned field, const void *bytes, size_t count) {
  *at++ = (uint8_t)(field << 3 | WIRE_BYTES);
  at = put_varint(at, count);
  memcpy(at, bytes, count);
  return at + count;
}

/* Pieces of one line have one id: their stream and time. */
static uint8_t *put_partial(uint8_t *at, const struct log_record *record) {
  uint8_t partial[4 * VARINT_MAX];
  char id[24];
  int length = snprintf(id, sizeof(id), "%u%016llx", record->stream, (unsigned long long)record->ns);
  uint8_t *end = partial;
  if (!record->open) end = put_number(end, 1, 1);
  end = put_bytes(end, 2, id, (size_t)length);
  end = put_number(end, 3, record->ordinal);
  at = put_number(at, 4, 1);
  return put_bytes(at, 5, partial, (size_t)(end - partial));
}

size_t log_local_max(void) { return LOG_LINE_MAX + FRAME_ROOM; }

size_t log_local_format(const struct log_record *record, uint8_t *out) {
  uint8_t *at = put_bytes(out + 4, 1, record->stream == LOG_STDOUT ? "stdout" : "stderr", 6);
  at = put_number(at, 2, record->ns);
  at = put_bytes(at, 3, record->bytes, record->count);
  if (record->ordinal > 0) at = put_partial(at, record);
  uint32_t length = (uint32_t)(at - out - 4);
  put_u32be(out, length);
  put_u32be(at, length);
  return (size_t)length + 8;
}
