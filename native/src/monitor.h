/*
 * The monitor: one per container; holds its stdio, writes its log, serves its subscribers, keeps its exit status.
 * Independent of isled.
 */
#ifndef ISLET_MONITOR_H
#define ISLET_MONITOR_H
#include <stdbool.h>
#include <stdint.h>

#include "context.h"
#include "log.h"
#include "subscriber.h"
#include "util.h"

#define STREAM_COUNT 2

struct stream {
  int fd; /* stdout or stderr of the container; with a terminal the first is its master and the second is not used */
  uint8_t frame;    /* FRAME_STDOUT or FRAME_STDERR */
  uint64_t drained; /* bytes taken since the container's end */
  struct log_stream log;
};

struct oom {
  int events_fd;  /* v1: eventfd; v2: memory.events */
  int counter_fd; /* v1: memory.oom_control; v2: memory.events */
  uint32_t version;
  bool announced;
  uint64_t seen; /* v2: kills that were told of */
};

struct job_process;

struct monitor {
  const struct job_process *process;
  uint32_t flags; /* MONITOR_* */
  int listen_fd;
  int stdin_fd;
  struct buffer stdin_pending; /* input that the container has not taken yet */
  bool stdin_ending;           /* close stdin when nothing is pending */
  struct stream streams[STREAM_COUNT];
  struct log log;
  struct oom oom;
  struct subscriber *subscribers;
  size_t subscriber_count;
  bool waiting;  /* output is not read yet: waitAttach */
  bool greeted;  /* a client that wants events has come */
  bool launched; /* ALIVE_FD is open: the launcher may live */

  bool exited;
  int exit_code;
  int exit_signal;
  uint64_t finished_ns;
  struct buffer record; /* the exit record's text, once it is on disk */
};

/*
 * Sets the fields of a zeroed monitor that are not zero. It is large and mostly untouched: it belongs in static memory.
 */
void monitor_init(struct monitor *monitor);
/* Listens at this name in the working directory, for root only; *fd does not block. 0 or an errno. */
int monitor_listen(const char *name, int backlog, int *fd);
/* Writes <stateDir>/pid: "initPid startTimeTicks monitorPid\n". 0 or an errno. */
int monitor_write_pid(const struct monitor *monitor, int pid);
/* When the process of this /proc/PID/stat started, in clock ticks. */
unsigned long long monitor_start_ticks(const char *stat_text);
/* Ends the listening; the exit record and the pid file stay for isled. */
void monitor_close(struct monitor *monitor);
/* After a failed start: removes all that was made in the state directory. */
void monitor_remove_files(struct monitor *monitor);
/* Lives until the container has ended; the process's exit status. */
int monitor_run(struct context *ctx);

/* Input for the container; nothing is taken while stdin_pending is not empty. */
void monitor_input(struct monitor *monitor, const uint8_t *bytes, size_t count);
/*
 * Closes the container's stdin when all pending input is through, if the container wants that (stdinOnce, no terminal).
 */
void monitor_end_input(struct monitor *monitor);
/* The descriptor that input goes to, or -1. */
int monitor_input_fd(const struct monitor *monitor);

/* exit.c */
/* Reaps the first process and notes its status. */
void exit_reap(struct context *ctx);
/* Writes the exit record, tells it to subscribers, runs the cleanup section. */
void exit_record(struct context *ctx);
/* Number of OOM kills in the container so far, 0 when it is not watched. */
uint64_t oom_kills(const struct oom *oom);
/* Takes a pending notification; true when it is about an OOM. */
bool oom_take_event(struct oom *oom);
#endif
