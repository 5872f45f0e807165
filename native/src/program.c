#include "program.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define WORDS_MAX 512

struct words {
  char text[WORDS_MAX];
  size_t length;
};

int program_output(void) { return memfd_create("output", MFD_CLOEXEC); }

static _Noreturn void become(const struct program *program, char **argv, char **env, pid_t parent) {
  /* The request for a death signal comes too late when the parent is dead already. */
  if (program->tied && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)) _exit(127);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  umask(022);
  for (int fd = 0; fd < 3; fd++) {
    if (dup2(program->stdio[fd], fd) < 0) _exit(127);
  }
  if (close_range(3, ~0U, 0) < 0) _exit(127);
  execve(program->path, argv, env);
  dprintf(2, "%s: %s", program->path, strerror(errno));
  _exit(127);
}

static pid_t make_process(const struct program *program) {
  if (program->cgroup_fd < 0) return fork();
  struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)program->cgroup_fd};
  return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Takes what it has said by now; the beginning is kept, which mostly is the reason. */
static void drain(int fd, struct words *words) {
  char chunk[4096];
  ssize_t count;
  while (fd >= 0 && (count = read(fd, chunk, sizeof(chunk))) > 0) {
    size_t room = sizeof(words->text) - 1 - words->length;
    size_t kept = (size_t)count < room ? (size_t)count : room;
    memcpy(words->text + words->length, chunk, kept);
    words->length += kept;
  }
}

/* Waits until the process ends or its time is over: false. */
static bool watch(const struct program *program, int pidfd, struct words *words) {
  int64_t deadline = monotonic_ms() + program->timeout_ms;
  struct pollfd polls[3] = {{.fd = pidfd, .events = POLLIN}};
  for (int i = 0; i < 2; i++) polls[i + 1] = (struct pollfd){.fd = program->drained[i], .events = POLLIN};
  while (!polls[0].revents) {
    int64_t left = program->timeout_ms > 0 ? deadline - monotonic_ms() : -1;
    if (program->timeout_ms > 0 && left <= 0) return false;
    if (poll(polls, 3, (int)left) < 0) continue;
    for (int i = 0; i < 2; i++) {
      if (polls[i + 1].revents) drain(program->drained[i], words);
    }
  }
  return true;
}

/* The wait status, or -1 with an errno; ETIMEDOUT when it had to be killed. */
static int await_end(const struct program *program, pid_t pid, struct words *words) {
  int status = 0;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  bool late = pidfd >= 0 && !watch(program, pidfd, words);
  if (late) kill(pid, SIGKILL);
  close_fd(&pidfd);
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  errno = ETIMEDOUT;
  return late ? -1 : status;
}

static int judge(struct context *ctx, const struct program *program, int status, struct words *words) {
  int error = errno;
  char *text = words->text;
  if (program->output_fd >= 0) lseek(program->output_fd, 0, SEEK_SET);
  drain(program->output_fd, words);
  for (int i = 0; i < 2; i++) drain(program->drained[i], words);
  while (words->length > 0 && text[words->length - 1] == '\n') words->length--;
  text[words->length] = 0;
  if (status < 0) return fail(ctx, error, "%s", text);
  if (WIFSIGNALED(status)) return fail(ctx, ECANCELED, "killed by signal %d %s", WTERMSIG(status), text);
  return WEXITSTATUS(status) == 0 ? 0 : fail(ctx, ECANCELED, "exit status %d %s", WEXITSTATUS(status), text);
}

int program_run(struct context *ctx, const struct program *program) {
  char **argv = plan_strs_vector(program->argv);
  char **env = plan_strs_vector(program->env);
  pid_t self = getpid();
  int error = argv && env ? 0 : ENOMEM;
  if (error == 0) {
    struct words words = {.length = 0};
    pid_t pid = make_process(program);
    if (pid == 0) become(program, argv, env, self);
    error = pid < 0 ? errno : judge(ctx, program, await_end(program, pid, &words), &words);
  }
  free(argv);
  free(env);
  return error;
}

int run_run_program(struct context *ctx, const struct op_run_program *op) {
  struct plan_strs argv = op->argv;
  if (argv.count == 0) return fail(ctx, EINVAL, "no program");
  int output = program_output();
  if (output < 0) return errno;
  int error = program_run(ctx, &(struct program){
                                   .path = plan_strs_next(&argv),
                                   .argv = op->argv,
                                   .env = op->env,
                                   .stdio = {STDIN_FILENO, output, output},
                                   .output_fd = output,
                                   .drained = {-1, -1},
                                   .cgroup_fd = -1,
                                   .timeout_ms = op->timeout_ms,
                                   .tied = true,
                               });
  close(output);
  return error;
}
