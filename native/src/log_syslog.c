#include "log_syslog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "plan_table.h"
#include "util.h"

#define HEAD_ROOM 128
#define SEVERITY_ERROR 3
#define SEVERITY_INFO 6
#define RETRY_MS 1000
/* How long a connection may take at the start, and later on, when lines wait for it. */
#define FIRST_CONNECT_S 5
#define SEND_STEP_S 1

static int connect_as(struct log_syslog *to, int type, int seconds) {
  struct sockaddr_storage address = {0};
  struct timeval patience = {.tv_sec = seconds};
  memcpy(&address, to->address.data, to->address.length);
  int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (connect(fd, (struct sockaddr *)&address, to->address.length) < 0) {
    int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    return error;
  }
  to->fd = fd;
  return 0;
}

static int connect_to(struct log_syslog *to, int seconds) {
  int error = connect_as(to, to->type, seconds);
  /* A syslog socket of a host may be of either kind. */
  if (error == EPROTOTYPE) error = connect_as(to, to->type == SOCK_DGRAM ? SOCK_STREAM : SOCK_DGRAM, seconds);
  return error;
}

int syslog_open(struct log_syslog *to) {
  if (to->address.length < sizeof(sa_family_t) || to->address.length > sizeof(struct sockaddr_storage)) return EINVAL;
  to->size = 2 * strlen(to->tag) + strlen(to->hostname) + HEAD_ROOM + LOG_LINE_MAX;
  to->text = malloc(to->size);
  if (!to->text) return ENOMEM;
  to->second = -1;
  to->used = true;
  int error = connect_to(to, FIRST_CONNECT_S);
  struct timeval step = {.tv_sec = SEND_STEP_S};
  if (error == 0) setsockopt(to->fd, SOL_SOCKET, SO_SNDTIMEO, &step, sizeof(step));
  return error;
}

/* RFC 3339 in the host's time zone, up to the second; RFC 3164 has no year and no zone. */
static void make_stamp(struct log_syslog *to, int64_t second) {
  struct tm parts;
  time_t seconds = (time_t)second;
  localtime_r(&seconds, &parts);
  bool old = to->format == SYSLOG_FORMAT_UNIX || to->format == SYSLOG_FORMAT_RFC3164;
  strftime(to->stamp, sizeof(to->stamp), old ? "%b %e %H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &parts);
  char zone[8] = "";
  strftime(zone, sizeof(zone), "%z", &parts);
  if (parts.tm_gmtoff == 0) strcpy(to->zone, "Z");
  else snprintf(to->zone, sizeof(to->zone), "%.3s:%.2s", zone, zone + 3);
  to->second = second;
}

static size_t put_head(struct log_syslog *to, const struct log_record *record) {
  int64_t second = (int64_t)(record->ns / 1000000000u);
  if (second != to->second) make_stamp(to, second);
  unsigned priority = to->facility << 3 | (record->stream == LOG_STDERR ? SEVERITY_ERROR : SEVERITY_INFO);
  char fraction[16] = "";
  switch (to->format) {
    case SYSLOG_FORMAT_UNIX:
      return (size_t)snprintf(to->text, to->size, "<%u>%s %s[%d]: ", priority, to->stamp, to->tag, getpid());
    case SYSLOG_FORMAT_RFC3164:
      return (size_t)snprintf(to->text, to->size, "<%u>%s %s %s[%d]: ", priority, to->stamp, to->hostname, to->tag, getpid());
    case SYSLOG_FORMAT_RFC5424MICRO:
      snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)(record->ns % 1000000000u / 1000));
  }
  return (size_t)snprintf(to->text, to->size, "<%u>1 %s%s%s %s %s %d %s - ", priority, to->stamp, fraction, to->zone, to->hostname, to->tag,
                          getpid(), to->tag);
}

static bool is_over(const volatile int64_t *deadline_ms) { return *deadline_ms != 0 && monotonic_ms() >= *deadline_ms; }

/* The whole message; 0, or why not. */
static int send_text(const struct log_syslog *to, size_t length, const volatile int64_t *deadline_ms) {
  size_t sent = 0;
  while (sent < length) {
    ssize_t count = send(to->fd, to->text + sent, length - sent, MSG_NOSIGNAL);
    if (count >= 0) sent += (size_t)count;
    else if (errno == EAGAIN && is_over(deadline_ms)) return ETIMEDOUT;
    else if (errno != EAGAIN && errno != EINTR) return errno;
  }
  return 0;
}

/*
 * A peer that has gone is only told by the answer to a first message, which is lost then. Nothing else comes from a server.
 */
static bool has_hung_up(const struct log_syslog *to) {
  char byte;
  return recv(to->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static bool ensure_connected(struct log_syslog *to) {
  if (to->fd >= 0 && has_hung_up(to)) close_fd(&to->fd);
  if (to->fd >= 0) return true;
  int64_t now = monotonic_ms();
  if (now < to->next_try_ms) return false;
  to->next_try_ms = now + RETRY_MS;
  return connect_to(to, SEND_STEP_S) == 0;
}

static bool put_once(struct log_syslog *to, const struct log_record *record, const volatile int64_t *deadline_ms) {
  if (is_over(deadline_ms) || !ensure_connected(to)) return false;
  size_t length = put_head(to, record);
  memcpy(to->text + length, record->bytes, record->count);
  length += record->count;
  to->text[length++] = '\n';
  if (send_text(to, length, deadline_ms) == 0) return true;
  close_fd(&to->fd);
  return false;
}

/* A connection that has broken since the last line is made anew at once. */
static bool put(struct log_syslog *to, const struct log_record *record, const volatile int64_t *deadline_ms) {
  bool connected = to->fd >= 0;
  return put_once(to, record, deadline_ms) || (connected && put_once(to, record, deadline_ms));
}

static void tell_lost(struct log_syslog *to, const struct log_record *next, const volatile int64_t *deadline_ms) {
  char text[96];
  int length = snprintf(text, sizeof(text), "isle: %llu lines were lost here: this server could not be reached",
                        (unsigned long long)to->untold);
  struct log_record notice = {.stream = LOG_STDERR, .ns = next->ns, .bytes = text, .count = (size_t)length};
  if (put(to, &notice, deadline_ms)) to->untold = 0;
}

void syslog_put(struct log_syslog *to, const struct log_record *record, const volatile int64_t *deadline_ms) {
  if (record->count == 0) return;
  if (to->untold > 0) tell_lost(to, record, deadline_ms);
  if (to->untold == 0 && put(to, record, deadline_ms)) return;
  to->untold++;
  to->lost++;
}
