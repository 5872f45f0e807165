/* Bounds-checked readers of the plan's field types; the decoders in the generated plan_table.h are built from them. */
#ifndef ISLET_PLAN_READER_H
#define ISLET_PLAN_READER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct plan_reader {
  const uint8_t *at;
  const uint8_t *end;
};

struct plan_bytes {
  const uint8_t *data;
  uint32_t length;
};

/* `count` strings that follow one another at `at`; already checked, so that plan_strs_next needs no bounds. */
struct plan_strs {
  uint32_t count;
  const uint8_t *at;
};

struct plan_u32s {
  uint32_t count;
  const uint8_t *at;
};

static inline bool plan_take(struct plan_reader *in, size_t count, const uint8_t **out) {
  if ((size_t)(in->end - in->at) < count) return false;
  *out = in->at;
  in->at += count;
  return true;
}

static inline bool plan_read_u32(struct plan_reader *in, uint32_t *out) {
  const uint8_t *at;
  if (!plan_take(in, sizeof(*out), &at)) return false;
  memcpy(out, at, sizeof(*out));
  return true;
}

static inline bool plan_read_i32(struct plan_reader *in, int32_t *out) {
  const uint8_t *at;
  if (!plan_take(in, sizeof(*out), &at)) return false;
  memcpy(out, at, sizeof(*out));
  return true;
}

static inline bool plan_read_u64(struct plan_reader *in, uint64_t *out) {
  const uint8_t *at;
  if (!plan_take(in, sizeof(*out), &at)) return false;
  memcpy(out, at, sizeof(*out));
  return true;
}

static inline bool plan_read_bytes(struct plan_reader *in, struct plan_bytes *out) {
  return plan_read_u32(in, &out->length) && plan_take(in, out->length, &out->data);
}

static inline bool plan_read_str(struct plan_reader *in, const char **out) {
  uint32_t length;
  const uint8_t *at;
  if (!plan_read_u32(in, &length) || !plan_take(in, (size_t)length + 1, &at)) return false;
  if (at[length] != 0 || memchr(at, 0, length) != NULL) return false;
  *out = (const char *)at;
  return true;
}

static inline bool plan_read_strs(struct plan_reader *in, struct plan_strs *out) {
  if (!plan_read_u32(in, &out->count)) return false;
  out->at = in->at;
  for (uint32_t i = 0; i < out->count; i++) {
    const char *skipped;
    if (!plan_read_str(in, &skipped)) return false;
  }
  return true;
}

static inline bool plan_read_u32s(struct plan_reader *in, struct plan_u32s *out) {
  return plan_read_u32(in, &out->count) && plan_take(in, (size_t)out->count * sizeof(uint32_t), &out->at);
}

static inline bool plan_read_end(const struct plan_reader *in) { return in->at == in->end; }

/* The next string of the list; advances. */
static inline const char *plan_strs_next(struct plan_strs *list) {
  uint32_t length;
  memcpy(&length, list->at, sizeof(length));
  const char *text = (const char *)list->at + sizeof(length);
  list->at += sizeof(length) + length + 1;
  list->count--;
  return text;
}

static inline uint32_t plan_u32s_get(const struct plan_u32s *list, uint32_t index) {
  uint32_t value;
  memcpy(&value, list->at + (size_t)index * sizeof(value), sizeof(value));
  return value;
}
#endif
