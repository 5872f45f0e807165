/* A log file that is rotated: `path`, then `path.1` (the newest of the old), `path.2` ... or, compressed, `path.1.gz` ... */
#ifndef ISLET_LOG_FILE_H
#define ISLET_LOG_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log_record.h"
#include "plan_reader.h"

#define LOG_FLUSH 65536 /* bytes that are collected before they are written */

struct log_file {
  int fd; /* -1: no file */
  const char *path;
  uint32_t format;    /* LOG_FORMAT_* */
  uint64_t max_bytes; /* 0: it is never rotated */
  uint32_t max_files; /* with the current one */
  struct plan_bytes attrs;
  int error; /* first errno of a write that failed; what could not be written is lost */
  bool rotated;
  uint64_t size;  /* on disk */
  size_t length;  /* of whole records in `buffer`, which has room for one more behind LOG_FLUSH */
  uint8_t *buffer;
  int64_t second; /* whose text is in `stamp` */
  char stamp[20];
};

/* Opens it to go on behind what is there. 0 or an errno. The strings are kept. */
int log_file_open(struct log_file *file, uint32_t mode);
/* Adds a record; writes and rotates when it is time. */
void log_file_put(struct log_file *file, const struct log_record *record);
/* Writes what was added. */
void log_file_flush(struct log_file *file);
/*
 * isled has compressed the old file with this inode into `path.gz-part`: that takes its place. Only the monitor names log
 * files while it lives, so neither meets the other half-way.
 */
void log_file_compressed(struct log_file *file, uint64_t inode);

/* log_json.c: `{"log":"...\n","stream":"stdout","attrs":{...},"time":"RFC3339Nano"}` and a newline, as Docker's json-file. */
size_t log_json_max(const struct log_file *file);
size_t log_json_format(struct log_file *file, const struct log_record *record, uint8_t *out);
/* log_local.c */
size_t log_local_max(void);
size_t log_local_format(const struct log_record *record, uint8_t *out);
#endif
