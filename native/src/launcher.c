/*
 * The launcher: a tiny long-lived child of isled. It forks one job per request and relays the job's answer frames, of which
 * a start has two, so that no start waits for another. It ends when its socket reaches end of file; monitors go on without it.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"
#include "job.h"
#include "seal.h"

#define FRAME_HEAD 9 /* u32 length of the rest, u32 id, u8 type */
#define FRAME_MAX (64u << 20)
#define READ_SIZE (64u << 10)

struct job {
  int fd;
  uint32_t id;
  struct buffer frame;
  struct job *next;
};

struct launcher {
  struct buffer in;
  struct buffer out;
  struct job *jobs;
  struct pollfd *polls;
  size_t poll_capacity;
  struct job_process process; /* what every job needs to know of this process */
};

bool frame_begin(struct buffer *frame, uint32_t id, uint8_t type) {
  return buffer_u32le(frame, 0) && buffer_u32le(frame, id) && buffer_u8(frame, type);
}

void frame_end(struct buffer *frame) {
  uint32_t length = (uint32_t)frame->length - 4;
  memcpy(frame->data, &length, sizeof(length));
}

bool frame_failed(struct buffer *frame, uint32_t id, int32_t op, int32_t error, const char *detail) {
  char text[DETAIL_SIZE];
  /* The detail may lie in a page that another process writes to, and have no end there. */
  snprintf(text, sizeof(text), "%.*s", DETAIL_SIZE - 1, detail);
  if (!frame_begin(frame, id, FRAME_FAILED) || !buffer_u32le(frame, (uint32_t)op) || !buffer_u32le(frame, (uint32_t)error) ||
      !buffer_str(frame, text)) {
    return false;
  }
  frame_end(frame);
  return true;
}

/* Queues a FAILED for a request whose job cannot answer itself. */
static bool answer_failed(struct launcher *self, uint32_t id, int error, const char *detail) {
  struct buffer frame = {0};
  bool ok = frame_failed(&frame, id, -1, error, detail) && buffer_append(&self->out, frame.data, frame.length);
  buffer_free(&frame);
  return ok;
}

static bool spawn_job(struct launcher *self, uint32_t id, uint8_t type, const uint8_t *payload, size_t length) {
  int status[2];
  if (pipe2(status, O_CLOEXEC) < 0) return answer_failed(self, id, errno, "cannot make a pipe to the monitor");
  struct job *job = calloc(1, sizeof(*job));
  pid_t pid = job ? fork() : -1;
  if (pid == 0) job_main(&self->process, id, type, status[1], payload, length);
  int error = errno;
  close(status[1]);
  if (pid < 0) {
    close(status[0]);
    free(job);
    return answer_failed(self, id, error, "cannot fork a monitor");
  }
  fcntl(status[0], F_SETFL, O_NONBLOCK);
  job->fd = status[0];
  job->id = id;
  job->next = self->jobs;
  self->jobs = job;
  return true;
}

/* Starts a job for every whole frame that has arrived. False: the peer broke the protocol or memory is out. */
static bool handle_frames(struct launcher *self) {
  size_t at = 0;
  while (self->in.length - at >= FRAME_HEAD) {
    const uint8_t *head = self->in.data + at;
    uint32_t length = get_u32le(head);
    if (length < FRAME_HEAD - 4 || length > FRAME_MAX) return false;
    if (self->in.length - at - 4 < length) break;
    uint32_t id = get_u32le(head + 4);
    uint8_t type = head[8];
    size_t payload = length - (FRAME_HEAD - 4);
    if (type != FRAME_START && type != FRAME_RUN) return false;
    if (!spawn_job(self, id, type, head + FRAME_HEAD, payload)) return false;
    at += 4 + (size_t)length;
  }
  if (at > 0) buffer_consume(&self->in, at);
  return true;
}

static bool read_socket(struct launcher *self, bool *ended) {
  uint8_t *at = buffer_reserve(&self->in, READ_SIZE);
  if (!at) return false;
  ssize_t count = recv(LAUNCHER_SOCKET_FD, at, READ_SIZE, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) {
    *ended = true;
    return true;
  }
  self->in.length += (size_t)count;
  return handle_frames(self);
}

static bool write_socket(struct launcher *self) {
  while (self->out.length > 0) {
    ssize_t count = send(LAUNCHER_SOCKET_FD, self->out.data, self->out.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    buffer_consume(&self->out, (size_t)count);
  }
  return true;
}

/* Length of the whole frame that the buffer begins with, 0 while there is none. */
static size_t whole_frame(const struct buffer *frame) {
  size_t length = frame->length >= FRAME_HEAD ? 4 + (size_t)get_u32le(frame->data) : 0;
  return frame->length >= length ? length : 0;
}

/* Queues the answers that are there. *done: it was the last one. */
static bool relay_frames(struct launcher *self, struct job *job, bool *done) {
  for (size_t length; !*done && (length = whole_frame(&job->frame)) > 0;) {
    *done = job->frame.data[FRAME_HEAD - 1] != FRAME_LISTENING;
    if (!buffer_append(&self->out, job->frame.data, length)) return false;
    buffer_consume(&job->frame, length);
  }
  return true;
}

/* Reads what a job wrote. *done: its answer is queued and the job can be forgotten. */
static bool read_job(struct launcher *self, struct job *job, bool *done) {
  for (;;) {
    uint8_t *at = buffer_reserve(&job->frame, READ_SIZE);
    if (!at) return false;
    ssize_t count = read(job->fd, at, READ_SIZE);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) {
      *done = true;
      return answer_failed(self, job->id, EPIPE, "the monitor died before the container had started");
    }
    job->frame.length += (size_t)count;
    if (!relay_frames(self, job, done)) return false;
    if (*done) return true;
  }
}

/*
 * poll_index counts the jobs in list order; jobs that were added since the poll come first and are skipped by `added`.
 */
static bool read_jobs(struct launcher *self, const struct pollfd *polls, size_t polled, size_t added) {
  struct job **link = &self->jobs;
  for (size_t i = 0; *link; i++) {
    struct job *job = *link;
    bool ready = i >= added && i - added < polled && polls[i - added].revents != 0;
    bool done = false;
    if (ready && !read_job(self, job, &done)) return false;
    if (!done) {
      link = &job->next;
      continue;
    }
    *link = job->next;
    close(job->fd);
    buffer_free(&job->frame);
    free(job);
  }
  return true;
}

static size_t count_jobs(const struct launcher *self) {
  size_t count = 0;
  for (const struct job *job = self->jobs; job; job = job->next) count++;
  return count;
}

static bool fill_polls(struct launcher *self, size_t jobs) {
  if (jobs + 1 > self->poll_capacity) {
    size_t capacity = (jobs + 1) * 2;
    struct pollfd *polls = realloc(self->polls, capacity * sizeof(*polls));
    if (!polls) return false;
    self->polls = polls;
    self->poll_capacity = capacity;
  }
  short events = self->out.length > 0 ? POLLIN | POLLOUT : POLLIN;
  self->polls[0] = (struct pollfd){.fd = LAUNCHER_SOCKET_FD, .events = events};
  size_t i = 1;
  for (const struct job *job = self->jobs; job; job = job->next) {
    self->polls[i++] = (struct pollfd){.fd = job->fd, .events = POLLIN};
  }
  return true;
}

static int serve(struct launcher *self) {
  for (;;) {
    size_t jobs = count_jobs(self);
    if (!fill_polls(self, jobs)) return 1;
    if (poll(self->polls, jobs + 1, -1) < 0) {
      if (errno == EINTR) continue;
      return 1;
    }
    bool ended = false;
    if (self->polls[0].revents & (POLLIN | POLLHUP | POLLERR) && !read_socket(self, &ended)) return 1;
    if (ended) return 0;
    if (!read_jobs(self, self->polls + 1, jobs, count_jobs(self) - jobs)) return 1;
    if (!write_socket(self)) return 1;
  }
}

static void release(struct launcher *self) {
  while (self->jobs) {
    struct job *job = self->jobs;
    self->jobs = job->next;
    buffer_free(&job->frame);
    free(job);
  }
  buffer_free(&self->in);
  buffer_free(&self->out);
  free(self->polls);
}

/*
 * Signals of a terminal or a service manager must not take the launcher away before isled goes; SIGCHLD ignored reaps
 * monitors without wake-ups.
 */
static void set_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
  const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGCHLD};
  for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) signal(ignored[i], SIG_IGN);
}

/* Gives the pipe that hangs up with the launcher and /dev/null their fixed places. */
static bool set_descriptors(struct launcher *self) {
  int alive[2];
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || pipe2(alive, O_CLOEXEC) < 0) return false;
  int high_read = fcntl(alive[0], F_DUPFD_CLOEXEC, 16);
  int high_write = fcntl(alive[1], F_DUPFD_CLOEXEC, 16);
  self->process.null_fd = fcntl(null, F_DUPFD_CLOEXEC, 16);
  if (high_read < 0 || high_write < 0 || self->process.null_fd < 0) return false;
  close(alive[0]);
  close(alive[1]);
  close(null);
  if (dup3(high_read, ALIVE_FD, O_CLOEXEC) < 0) return false;
  close(high_read);
  return fcntl(LAUNCHER_SOCKET_FD, F_SETFD, FD_CLOEXEC) == 0;
}

int launcher_main(int argc, char **argv) {
  int error = seal_self(argv);
  if (error != 0) {
    fprintf(stderr, "islet: cannot run from a sealed copy of itself: %s\n", strerror(error));
    return 1;
  }
  struct job_process process = {.arguments = argv[0], .arguments_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0])};
  return launcher_run(&process);
}

int launcher_run(const struct job_process *process) {
  prctl(PR_SET_NAME, "islet");
  struct launcher self = {.process = *process};
  set_signals();
  umask(0);
  if (chdir("/") < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || !set_descriptors(&self)) {
    perror("islet: launcher");
    return 1;
  }
  int status = serve(&self);
  release(&self);
  return status;
}
