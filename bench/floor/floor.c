/*
 * The floor under a container start: the system calls of one default container, one after the other, with nothing
 * around: no plan, no monitor, no daemon, and what is the same in each round is decided before. bench/floor.ts compares
 * their counts with those of islet. Reads a line for each round, and answers with a line: the nanoseconds of each phase.
 */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct config config;
struct page *page;

static const char *const PHASE_NAMES[PHASE_COUNT] = {
    "overlay directories", "cgroups",       "clone",  "join",     "overlay", "mounts",         "devices",
    "network",             "kernel paths",  "pivot",  "identity", "seccomp", "program and end", "cgroups removed",
    "directories removed",
};

void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(1);
}

void done(enum phase phase) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  page->at[phase] = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void write_file(const char *directory, const char *name, const char *value) {
  char path[PATH_SIZE];
  snprintf(path, sizeof(path), "%s/%s", directory, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, value, strlen(value)) < 0) die(path);
  close(fd);
}

static void make_directory(const char *parent, const char *name) {
  char path[PATH_SIZE];
  snprintf(path, sizeof(path), "%s/%s", parent, name);
  if (mkdir(path, 0755) < 0) die(path);
}

static void make_directories(void) {
  if (mkdir(config.work, 0700) < 0) die(config.work);
  make_directory(config.work, "upper");
  make_directory(config.work, "work");
  make_directory(config.work, "merged");
  done(DIRECTORIES);
}

/* Docker's rules: deny all, allow any node to be made, and these to be used. */
static void limit_devices(void) {
  static const char *const allowed[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                        "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"};
  if (!config.devices) return;
  write_file(config.devices, "devices.deny", "a");
  for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) write_file(config.devices, "devices.allow", allowed[i]);
}

/* What tells of the kernel's kills for lack of memory. */
static void watch_memory(void) {
  if (!config.memory) return;
  int directory = open(config.memory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int counter = openat(directory, "memory.oom_control", O_RDONLY | O_CLOEXEC);
  int events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int control = openat(directory, "cgroup.event_control", O_WRONLY | O_CLOEXEC);
  if (dprintf(control, "%d %d", events, counter) < 0) die("cgroup.event_control");
  close(control);
  close(directory);
  page->watch[0] = counter;
  page->watch[1] = events;
}

static void make_cgroups(void) {
  for (int i = 0; i < config.cgroup_count; i++) {
    if (mkdir(config.cgroups[i].directory, 0755) < 0) die(config.cgroups[i].directory);
    if (config.cgroups[i].directory == config.devices) limit_devices();
  }
  if (config.unified && mkdir(config.unified, 0755) < 0) die(config.unified);
  watch_memory();
  done(CGROUPS);
}

static pid_t clone_child(int *pidfd, int sync[2]) {
  uint64_t namespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET;
  struct clone_args args = {.flags = namespaces | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)pidfd, .exit_signal = SIGCHLD};
  int unified = config.unified ? open(config.unified, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  if (unified >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)unified;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync) < 0) die("socketpair");
  long pid = syscall(SYS_clone3, &args, sizeof(args));
  if (pid < 0) die("clone3");
  if (pid == 0) {
    done(CLONE);
    close(sync[0]);
    child(sync[1]);
  }
  close(sync[1]);
  if (unified >= 0) close(unified);
  return (pid_t)pid;
}

static void end_cgroups(void) {
  close(page->watch[0]);
  close(page->watch[1]);
  for (int i = 0; i < config.cgroup_count; i++) {
    if (rmdir(config.cgroups[i].directory) < 0) die(config.cgroups[i].directory);
  }
  if (config.unified && rmdir(config.unified) < 0) die(config.unified);
  done(CGROUPS_REMOVED);
}

static void run_round(void) {
  int sync[2], pidfd = -1, status;
  char byte;
  memset(page, 0, sizeof(*page));
  done(PHASE_COUNT); /* the beginning */
  make_directories();
  make_cgroups();
  pid_t pid = clone_child(&pidfd, sync);
  if (config.link_parent.length > 0) {
    make_link(pid);
    if (send(sync[0], "G", 1, MSG_NOSIGNAL) < 0) die("send");
  }
  /* execve closes the other end. */
  if (recv(sync[0], &byte, 1, 0) != 0) die("recv");
  siginfo_t info;
  if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0) die("waitid");
  status = info.si_status;
  done(END);
  close(sync[0]);
  close(pidfd);
  if (info.si_code != CLD_EXITED || status != 0) {
    fprintf(stderr, "floor: the container ended with %d\n", status);
    exit(1);
  }
  end_cgroups();
  remove_tree(AT_FDCWD, config.work);
  done(DIRECTORIES_REMOVED);
}

static void print_round(void) {
  uint64_t before = page->at[PHASE_COUNT];
  printf("{\"total\":%llu", (unsigned long long)(page->at[PHASE_COUNT - 1] - before));
  for (int phase = 0; phase < PHASE_COUNT; phase++) {
    printf(",\"%s\":%llu", PHASE_NAMES[phase], (unsigned long long)(page->at[phase] - before));
    before = page->at[phase];
  }
  printf("}\n");
  fflush(stdout);
}

int main(int argc, char **argv) {
  read_config(argc, argv);
  page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) die("mmap");
  umask(0);
  while (getchar() == '\n') {
    run_round();
    print_round();
  }
  return 0;
}
