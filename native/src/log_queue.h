/* Records on their way to a driver that may be slow: a thread of its own writes them, so that the monitor goes on. */
#ifndef ISLET_LOG_QUEUE_H
#define ISLET_LOG_QUEUE_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "log_record.h"
#include "util.h"

struct log_queue {
  uint64_t max_bytes; /* 0: there is no queue */
  bool drops;         /* when it is full; otherwise the container waits */
  int wake_fd;        /* eventfd: there is room again, or the file was rotated; -1 */
  bool started;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t filled;
  struct buffer in;    /* entries: struct log_record and its bytes */
  uint64_t taken;      /* bytes of those that the thread is writing */
  bool waiting;        /* the thread waits for `filled` */
  bool full;           /* it is to wake the monitor when there is room */
  bool ending;
  uint64_t untold;  /* lines that were dropped since the log told of any */
  uint64_t dropped; /* all of them */
  volatile int64_t deadline_ms; /* monotonic; 0: none */
};

typedef void (*log_deliver)(void *log, const struct log_record *record);

/* Adds a record, or drops it. Never waits. */
void queue_put(struct log_queue *queue, const struct log_record *record);
/* No more will come: a number of dropped lines that the log has not told is told now. */
void queue_end(struct log_queue *queue, uint64_t now_ns);
/* Lets the thread know that there is something. */
void queue_flush(struct log_queue *queue);
/* True when the container has to wait. */
bool queue_is_full(struct log_queue *queue);
/* Copies the records out, until the end: the thread's loop. */
void queue_drain(struct log_queue *queue, log_deliver deliver, void (*flush)(void *log), void *log);
void queue_wake_monitor(const struct log_queue *queue);
#endif
