/* The container's end: status, OOM counters, exit record, cleanup. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "monitor.h"
#include "plan.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int open_in(int directory, const char *name, int flags) { return openat(directory, name, flags | O_CLOEXEC); }

/* cgroup v1 tells of an OOM by an eventfd that is registered with the group. */
static int watch_v1(struct oom *oom, int directory) {
  oom->counter_fd = open_in(directory, "memory.oom_control", O_RDONLY);
  if (oom->counter_fd < 0) return errno;
  oom->events_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (oom->events_fd < 0) return errno;
  int control = open_in(directory, "cgroup.event_control", O_WRONLY);
  if (control < 0) return errno;
  char text[32];
  int length = snprintf(text, sizeof(text), "%d %d", oom->events_fd, oom->counter_fd);
  int error = write(control, text, (size_t)length) == length ? 0 : errno;
  close(control);
  return error;
}

/* cgroup v2: poll tells by POLLPRI that memory.events has changed since this descriptor read it. */
static int watch_v2(struct oom *oom, int directory) {
  oom->events_fd = open_in(directory, "memory.events", O_RDONLY);
  oom->counter_fd = oom->events_fd;
  if (oom->events_fd < 0) return errno;
  oom_kills(oom);
  return 0;
}

int run_oom_watch(struct context *ctx, const struct op_oom_watch *op) {
  if (!ctx->monitor) return fail(ctx, EINVAL, "a run plan watches nothing");
  if (op->version != 1 && op->version != 2) return fail(ctx, EINVAL, "cgroup version %u", op->version);
  struct oom *oom = &ctx->monitor->oom;
  int directory = open(op->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno;
  oom->version = op->version;
  int error = op->version == 1 ? watch_v1(oom, directory) : watch_v2(oom, directory);
  close(directory);
  return error;
}

uint64_t oom_kills(const struct oom *oom) {
  char text[512];
  if (oom->counter_fd < 0) return 0;
  ssize_t length = pread(oom->counter_fd, text, sizeof(text) - 1, 0);
  if (length <= 0) return 0;
  text[length] = 0;
  const char *key = "oom_kill ";
  for (const char *at = text; at; at = strchr(at, '\n')) {
    if (*at == '\n') at++;
    if (strncmp(at, key, strlen(key)) == 0) return strtoull(at + strlen(key), NULL, 10);
  }
  return 0;
}

bool oom_take_event(struct oom *oom) {
  uint64_t count;
  if (oom->version == 1) {
    if (read(oom->events_fd, &count, sizeof(count)) < 0) return false;
  } else {
    /* memory.events changes for other reasons than a kill, a limit that was met for instance. */
    count = oom_kills(oom);
    if (count == oom->seen) return false;
    oom->seen = count;
  }
  oom->announced = true;
  return true;
}

static void close_oom(struct oom *oom) {
  if (oom->counter_fd == oom->events_fd) oom->counter_fd = -1;
  close_fd(&oom->events_fd);
  close_fd(&oom->counter_fd);
}

/*
 * A container that shares the PID namespace leaves processes behind: the kernel did not kill them with the first one.
 */
static void kill_rest(const struct context *ctx) {
  if (ctx->clone_flags & CLONE_NEWPID || ctx->cgroup_fd < 0) return;
  int fd = open_in(ctx->cgroup_fd, "cgroup.kill", O_WRONLY);
  if (fd < 0) return;
  write_all(fd, "1", 1);
  close(fd);
}

void exit_reap(struct context *ctx) {
  struct monitor *monitor = ctx->monitor;
  siginfo_t info = {0};
  if (waitid(P_PIDFD, (id_t)ctx->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) return;
  bool killed = info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  monitor->exited = true;
  monitor->finished_ns = realtime_ns();
  monitor->exit_signal = killed ? info.si_status : 0;
  monitor->exit_code = killed ? 128 + info.si_status : info.si_status;
  kill_rest(ctx);
}

static bool format_record(struct monitor *monitor, struct buffer *record) {
  char text[512];
  uint64_t kills = oom_kills(&monitor->oom);
  int length = snprintf(text, sizeof(text), "exitCode=%d\nsignal=%d\noomKilled=%d\noomKills=%llu\nfinishedAtNs=%llu\n", monitor->exit_code,
                        monitor->exit_signal, kills > 0, (unsigned long long)kills, (unsigned long long)monitor->finished_ns);
  if (monitor->log.file.error != 0) {
    length += snprintf(text + length, sizeof(text) - (size_t)length, "logError=%d\n", monitor->log.file.error);
  }
  if (log_lost(&monitor->log) > 0) {
    length += snprintf(text + length, sizeof(text) - (size_t)length, "logLost=%llu\n", (unsigned long long)log_lost(&monitor->log));
  }
  return buffer_append(record, text, (size_t)length);
}

/*
 * Whole or not at all for whoever looks. Not flushed: it outlives every process, and a loss of power takes the container
 * along with the state directory, which lies on a tmpfs.
 */
static int store_record(const struct buffer *record) {
  int fd = open("exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = write_all(fd, record->data, record->length);
  close(fd);
  if (error == 0 && rename("exit.new", "exit") < 0) error = errno;
  return error;
}

static void append_cleanup_errors(const char *errors) {
  int fd = open("exit", O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return;
  write_all(fd, errors, strlen(errors));
  close(fd);
}

void exit_record(struct context *ctx) {
  struct monitor *monitor = ctx->monitor;
  char errors[512] = "";
  if (format_record(monitor, &monitor->record)) {
    int error = store_record(&monitor->record);
    /* Subscribers at least learn it, and that nobody will find it on disk. */
    char note[32];
    if (error != 0) {
      buffer_append(&monitor->record, note, (size_t)snprintf(note, sizeof(note), "recordError=%d\n", error));
    }
  }
  if (oom_kills(&monitor->oom) > 0 && !monitor->oom.announced) subscribers_event(monitor, FRAME_OOM, NULL, 0);
  close_oom(&monitor->oom);
  subscribers_event(monitor, FRAME_EXITED, monitor->record.data, monitor->record.length);
  close_fd(&ctx->cgroup_fd);
  if (run_cleanup(ctx, errors, sizeof(errors)) == 0) return;
  append_cleanup_errors(errors);
  /* Once more, with what isled has to clean up itself. */
  if (buffer_append(&monitor->record, errors, strlen(errors))) {
    subscribers_event(monitor, FRAME_EXITED, monitor->record.data, monitor->record.length);
  }
}
