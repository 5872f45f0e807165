/*
 * The container's log: what it prints is cut into records, which go to a file in one of Docker's formats, to a syslog server,
 * or both; at once, or through a queue.
 */
#ifndef ISLET_LOG_H
#define ISLET_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_file.h"
#include "log_queue.h"
#include "log_record.h"
#include "log_syslog.h"

struct log {
  struct log_file file;
  struct log_syslog syslog;
  struct log_queue queue;
  pthread_mutex_t file_lock; /* of `file`, where there is a queue */
};

struct log_stream {
  uint8_t index;   /* LOG_STDOUT, LOG_STDERR */
  size_t length;   /* of the unfinished line */
  uint32_t pieces; /* of this line that are in the log already */
  uint64_t ns;     /* time of the first of them */
  char line[LOG_LINE_MAX];
};

/* Sets what of a zeroed log is not zero. */
void log_init(struct log *log);
/* Starts the queue's thread, if there is a queue. To be called when no namespace is entered any more. 0 or an errno. */
int log_start(struct log *log);
/* Writes all that is left; a server that takes nothing is given up after a while. */
void log_close(struct log *log);
/* True when the container has to wait: see log_queue.h. */
bool log_is_full(struct log *log);
/* Lines that a driver did not get. */
uint64_t log_lost(const struct log *log);
/* log_file_compressed, whoever writes the file. */
void log_compressed(struct log *log, uint64_t inode);
/*
 * Takes output of the container. Each line becomes a record. A line over LOG_LINE_MAX becomes several, all with the first
 * one's time.
 */
void log_bytes(struct log *log, struct log_stream *stream, const char *bytes, size_t count);
/* End of a stream: what is left without a newline is logged without one. */
void log_end(struct log *log, struct log_stream *stream);
/* Writes what has been collected; called once per round of the poll loop. */
void log_flush(struct log *log);
/* True once after the file has been rotated. */
bool log_take_rotated(struct log *log);
#endif
