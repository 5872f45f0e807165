/* Docker's json-file log: one JSON object a line, see log_bytes. */
#ifndef ISLET_LOG_H
#define ISLET_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 16384 /* Docker's copier splits longer lines into pieces of this size */
#define LOG_BUFFER 32768

struct log {
  int fd;    /* -1: no log */
  int error; /* first errno of a write that failed; what could not be written is lost */
  size_t length;
  int64_t second; /* whose text is in `stamp` */
  char stamp[20];
  char buffer[LOG_BUFFER];
};

struct log_stream {
  const char *name; /* "stdout", "stderr" */
  size_t length;    /* of the unfinished line */
  bool partial;     /* pieces of this line are in the log already */
  uint64_t partial_ns;
  char line[LOG_LINE_MAX];
};

/*
 * Takes output of the container. Each line becomes {"log":"...\n","stream":"stdout","time":"RFC3339Nano"}. A line over
 * LOG_LINE_MAX becomes several objects without the newline but in the last, all with the first one's time. Invalid
 * UTF-8 becomes U+FFFD, byte by byte, as Go's decoder does.
 */
void log_bytes(struct log *log, struct log_stream *stream, const char *bytes, size_t count);
/* End of a stream: what is left without a newline is logged without one. */
void log_end(struct log *log, struct log_stream *stream);
/* Writes what has been collected; called once per round of the poll loop. */
void log_flush(struct log *log);
#endif
