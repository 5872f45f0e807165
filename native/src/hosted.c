#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher.h"
#include "plan_table.h"
#include "util.h"

struct request {
  uint8_t hash[4];
  char program[PATH_MAX];
};

/* This program, if it understands the plans that will come, or else the one that does. */
static _Noreturn void become_launcher(const struct job_process *process, int fd, const struct request *request) {
  /* dup2 onto itself would leave it close-on-exec. */
  if (fd != LAUNCHER_SOCKET_FD && dup2(fd, LAUNCHER_SOCKET_FD) < 0) _exit(1);
  if (fcntl(LAUNCHER_SOCKET_FD, F_SETFD, 0) < 0 || close_range(LAUNCHER_SOCKET_FD + 1, ~0U, 0) < 0) _exit(1);
  setsid();
  if (get_u32le(request->hash) == PLAN_TABLE_HASH) _exit(launcher_run(process));
  char *const argv[] = {"islet", "launcher", NULL};
  char *const env[] = {NULL};
  execve(request->program, argv, env);
  /* The end of the connection tells. */
  _exit(1);
}

void hosted_launcher(const struct job_process *process, int fd, size_t length) {
  struct request request;
  if (length <= sizeof(request.hash) || length >= sizeof(request)) return;
  /* The client sends head and payload at once. */
  if (recv(fd, &request, length, MSG_DONTWAIT) != (ssize_t)length) return;
  request.program[length - sizeof(request.hash)] = 0;
  if (request.program[0] != '/') return;
  /* A grandchild, so that this process, which reaps only the container's first one, need not reap the launcher. */
  pid_t pid = fork();
  if (pid == 0) {
    if (fork() == 0) become_launcher(process, fd, &request);
    _exit(0);
  }
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}
