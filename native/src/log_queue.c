#include "log_queue.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool append(struct buffer *buffer, const struct log_record *record) {
  size_t length = buffer->length;
  if (buffer_append(buffer, record, sizeof(*record)) && buffer_append(buffer, record->bytes, record->count)) return true;
  buffer->length = length;
  return false;
}

static bool has_room(const struct log_queue *queue, const struct log_record *record) {
  uint64_t pending = queue->in.length + queue->taken;
  /* One that is larger than all the room has to get through, too. */
  return pending == 0 || pending + sizeof(*record) + record->count <= queue->max_bytes;
}

/* The log says itself where something is missing. */
static bool tell_dropped(struct log_queue *queue, const struct log_record *next) {
  char text[128];
  int length = snprintf(text, sizeof(text), "isle: %llu lines were dropped here: the log is slower than the container (mode=non-blocking)",
                        (unsigned long long)queue->untold);
  struct log_record notice = {.stream = LOG_STDERR, .ns = next->ns, .bytes = text, .count = (size_t)length};
  if ((queue->drops && !has_room(queue, &notice)) || !append(&queue->in, &notice)) return false;
  queue->untold = 0;
  return true;
}

void queue_put(struct log_queue *queue, const struct log_record *record) {
  pthread_mutex_lock(&queue->lock);
  bool fits = !queue->drops || has_room(queue, record);
  if (fits && queue->untold > 0) fits = tell_dropped(queue, record);
  if (!fits || !append(&queue->in, record)) {
    queue->untold++;
    queue->dropped++;
  }
  pthread_mutex_unlock(&queue->lock);
}

void queue_end(struct log_queue *queue, uint64_t now_ns) {
  const struct log_record last = {.ns = now_ns};
  pthread_mutex_lock(&queue->lock);
  queue->ending = true;
  queue->drops = false;
  if (queue->untold > 0) tell_dropped(queue, &last);
  pthread_cond_signal(&queue->filled);
  pthread_mutex_unlock(&queue->lock);
}

void queue_flush(struct log_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  if (queue->waiting && queue->in.length > 0) pthread_cond_signal(&queue->filled);
  pthread_mutex_unlock(&queue->lock);
}

bool queue_is_full(struct log_queue *queue) {
  if (queue->drops) return false;
  pthread_mutex_lock(&queue->lock);
  queue->full = queue->in.length + queue->taken >= queue->max_bytes;
  bool full = queue->full;
  pthread_mutex_unlock(&queue->lock);
  return full;
}

void queue_wake_monitor(const struct log_queue *queue) {
  const uint64_t one = 1;
  if (write(queue->wake_fd, &one, sizeof(one)) < 0) return;
}

/* Takes all that waits; false at the end. */
static bool take(struct log_queue *queue, struct buffer *out) {
  pthread_mutex_lock(&queue->lock);
  queue->taken = 0;
  if (queue->full) queue_wake_monitor(queue);
  queue->full = false;
  while (queue->in.length == 0 && !queue->ending) {
    queue->waiting = true;
    pthread_cond_wait(&queue->filled, &queue->lock);
    queue->waiting = false;
  }
  struct buffer empty = *out;
  *out = queue->in;
  empty.length = 0;
  queue->in = empty;
  queue->taken = out->length;
  pthread_mutex_unlock(&queue->lock);
  return out->length > 0;
}

void queue_drain(struct log_queue *queue, log_deliver deliver, void (*flush)(void *log), void *log) {
  struct buffer out = {0};
  while (take(queue, &out)) {
    for (size_t at = 0; at < out.length;) {
      struct log_record record;
      memcpy(&record, out.data + at, sizeof(record));
      record.bytes = (const char *)out.data + at + sizeof(record);
      at += sizeof(record) + record.count;
      deliver(log, &record);
    }
    flush(log);
  }
  buffer_free(&out);
}
