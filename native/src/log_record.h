/* What the log consists of, whatever its format. */
#ifndef ISLET_LOG_RECORD_H
#define ISLET_LOG_RECORD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 16384 /* Docker's copier splits longer lines into pieces of this size */
#define LOG_STDOUT 0
#define LOG_STDERR 1

struct log_record {
  uint8_t stream;   /* LOG_STDOUT, LOG_STDERR */
  bool open;        /* the line's newline is still to come, or never came */
  uint32_t ordinal; /* of a piece of a longer line, from 1; 0: a whole line */
  uint64_t ns;      /* CLOCK_REALTIME of the line's first piece */
  const char *bytes; /* without the newline */
  size_t count;      /* at most LOG_LINE_MAX */
};
#endif
