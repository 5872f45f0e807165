#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "util.h"

/* How long the end waits for a syslog server that takes nothing. */
#define CLOSE_PATIENCE_MS 10000
#define THREAD_STACK (256u << 10)

void log_init(struct log *log) {
  log->file.fd = -1;
  log->file.second = -1;
  log->syslog.fd = -1;
  log->queue.wake_fd = -1;
  pthread_mutex_init(&log->file_lock, NULL);
  pthread_mutex_init(&log->queue.lock, NULL);
  pthread_cond_init(&log->queue.filled, NULL);
}

/* By the thread. */
static void deliver(void *context, const struct log_record *record) {
  struct log *log = context;
  pthread_mutex_lock(&log->file_lock);
  if (log->file.fd >= 0) log_file_put(&log->file, record);
  pthread_mutex_unlock(&log->file_lock);
  if (log->syslog.used) syslog_put(&log->syslog, record, &log->queue.deadline_ms);
}

static void flush_file(void *context) {
  struct log *log = context;
  pthread_mutex_lock(&log->file_lock);
  log_file_flush(&log->file);
  bool rotated = log->file.rotated;
  pthread_mutex_unlock(&log->file_lock);
  if (rotated) queue_wake_monitor(&log->queue);
}

static void *drain(void *context) {
  struct log *log = context;
  queue_drain(&log->queue, deliver, flush_file, log);
  return NULL;
}

int log_start(struct log *log) {
  pthread_attr_t attributes;
  if (log->queue.max_bytes == 0) return 0;
  log->queue.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (log->queue.wake_fd < 0) return errno;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, THREAD_STACK);
  int error = pthread_create(&log->queue.thread, &attributes, drain, log);
  pthread_attr_destroy(&attributes);
  log->queue.started = error == 0;
  return error;
}

void log_close(struct log *log) {
  if (!log->queue.started) {
    log_flush(log);
    return;
  }
  log->queue.deadline_ms = monotonic_ms() + CLOSE_PATIENCE_MS;
  queue_end(&log->queue, realtime_ns());
  pthread_join(log->queue.thread, NULL);
  log->queue.started = false;
  close_fd(&log->queue.wake_fd);
}

bool log_is_full(struct log *log) { return log->queue.started && queue_is_full(&log->queue); }

uint64_t log_lost(const struct log *log) { return log->queue.dropped + log->syslog.lost; }

void log_compressed(struct log *log, uint64_t inode) {
  pthread_mutex_lock(&log->file_lock);
  log_file_compressed(&log->file, inode);
  pthread_mutex_unlock(&log->file_lock);
}

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
  if (log->queue.started) {
    queue_put(&log->queue, &record);
    return;
  }
  if (log->file.fd >= 0) log_file_put(&log->file, &record);
  /* Its thread could not be made (log_start). */
  if (log->syslog.used) log->syslog.lost++;
}

static bool is_kept(const struct log *log) { return log->file.fd >= 0 || log->syslog.used; }

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
  if (!is_kept(log)) return;
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
  if (is_kept(log) && stream->length > 0) put_piece(log, stream);
}

void log_flush(struct log *log) {
  if (log->queue.started) queue_flush(&log->queue);
  else log_file_flush(&log->file);
}

bool log_take_rotated(struct log *log) {
  /* The thread wakes the monitor behind the write that it is at. */
  if (pthread_mutex_trylock(&log->file_lock) != 0) return false;
  bool rotated = log->file.rotated;
  log->file.rotated = false;
  pthread_mutex_unlock(&log->file_lock);
  return rotated;
}
