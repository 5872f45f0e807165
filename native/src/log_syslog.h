/* Lines go to a syslog server as messages of RFC 3164 or RFC 5424, in the forms of Docker's driver. */
#ifndef ISLET_LOG_SYSLOG_H
#define ISLET_LOG_SYSLOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "log_record.h"
#include "plan_reader.h"

struct log_syslog {
  bool used;
  int fd;                    /* -1: not connected */
  struct plan_bytes address; /* struct sockaddr of the family that it begins with */
  int type;                  /* SOCK_STREAM or SOCK_DGRAM */
  uint32_t facility;
  uint32_t format; /* SYSLOG_FORMAT_* */
  const char *tag;
  const char *hostname;
  size_t size; /* of `text`, in which a message is put together */
  char *text;
  int64_t second; /* whose text is in `stamp` */
  char stamp[24];
  char zone[8]; /* "Z", or "+02:00" */
  int64_t next_try_ms; /* no connection is tried before */
  uint64_t untold;     /* lines that were lost since the server was last told of any */
  uint64_t lost;       /* all of them */
};

/* Connects, at the container's start. 0 or an errno. */
int syslog_open(struct log_syslog *to);
/*
 * Sends a record. Waits for a server that takes nothing until `*deadline_ms` (0: for ever), which another thread may set. A
 * server that cannot be reached is tried once a second; what comes meanwhile is lost, and the next message says how much.
 */
void syslog_put(struct log_syslog *to, const struct log_record *record, const volatile int64_t *deadline_ms);
#endif
