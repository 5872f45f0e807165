/*
 * The container's log: what it prints is cut into records, which go to a file in one of Docker's formats.
 */
#ifndef ISLET_LOG_H
#define ISLET_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_file.h"
#include "log_record.h"

struct log {
  struct log_file file;
};

struct log_stream {
  uint8_t index;   /* LOG_STDOUT, LOG_STDERR */
  size_t length;   /* of the unfinished line */
  uint32_t pieces; /* of this line that are in the log already */
  uint64_t ns;     /* time of the first of them */
  char line[LOG_LINE_MAX];
};

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
