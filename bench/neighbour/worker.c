/*
 * Both sides of bench/neighbour.ts.
 *   worker request KIND COUNT INTERVAL_US   makes requests of one size at fixed times and prints how long each took from its time, in us
 *   worker noise KIND                       takes what it can get of one resource, prints "ready" when it has begun, never ends
 * A request that could not begin at its time has waited: that counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define PAGE 4096
/* Some 0.3 ms of arithmetic. */
#define SPIN_STEPS 300000
/* What requests read of, and how much of it one reads. */
#define FILE_MIB 64
#define READ_PAGES 64
/* Of the noise: more than the common memory that the benchmark gives both. */
#define NOISE_MIB 384
#define CHUNK_MIB 16
#define SPINNERS 8
#define FORKERS 32
#define WRITERS 4
#define WRITTEN_MIB 64

static volatile uint64_t sink;

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static void spin(long steps) {
  uint64_t state = sink + 1;
  for (long step = 0; step < steps; step++) next(&state);
  sink = state;
}

static int make_file(const char *path, int flags, long mib) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);
  char *block = aligned_alloc(PAGE, MIB);
  if (fd < 0 || !block) die(path);
  memset(block, 1, MIB);
  for (long i = 0; i < mib; i++)
    if (write(fd, block, MIB) != MIB) die(path);
  free(block);
  if (fsync(fd) < 0) die(path);
  return fd;
}

static void read_pages(int fd, uint64_t *random) {
  static char page[PAGE];
  for (int i = 0; i < READ_PAGES; i++)
    if (pread(fd, page, PAGE, (off_t)(next(random) % (FILE_MIB * (MIB / PAGE))) * PAGE) != PAGE) die("read");
}

static void read_all(int fd, long mib) {
  static char block[MIB];
  for (long i = 0; i < mib; i++)
    if (pread(fd, block, MIB, i * MIB) != MIB) die("read");
}

static int request(const char *kind, long count, long interval) {
  static char page[PAGE];
  int fd = -1;
  uint64_t random = 1;
  if (strcmp(kind, "read") == 0) {
    fd = make_file("/data", 0, FILE_MIB);
    /* Twice: what is used again is what a cache keeps. */
    for (int i = 0; i < 2; i++) read_all(fd, FILE_MIB);
  } else if (strcmp(kind, "write") == 0) {
    fd = make_file("/data", 0, 1);
  }
  printf("ready\n");
  fflush(stdout);
  int64_t due = now_us() + interval;
  for (long i = 0; i < count; i++, due += interval) {
    int64_t wait = due - now_us();
    if (wait > 0) usleep((useconds_t)wait);
    if (strcmp(kind, "compute") == 0) spin(SPIN_STEPS);
    else if (strcmp(kind, "read") == 0) read_pages(fd, &random);
    else if (pwrite(fd, page, PAGE, (i % 256) * PAGE) != PAGE || fdatasync(fd) < 0) die("write");
    printf("%lld\n", (long long)(now_us() - due));
  }
  return 0;
}

static void ready(void) {
  printf("ready\n");
  fflush(stdout);
}

static void noise_compute(void) {
  for (int i = 1; i < SPINNERS; i++)
    if (fork() == 0)
      for (;;) spin(SPIN_STEPS);
  ready();
  for (;;) spin(SPIN_STEPS);
}

/* Each of many processes does nothing but make further ones, which end at once. */
static void noise_processes(void) {
  signal(SIGCHLD, SIG_IGN);
  for (int i = 0; i < FORKERS; i++)
    if (fork() == 0)
      for (;;) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        if (pid < 0) usleep(10000);
      }
  ready();
  for (;;) pause();
}

/* Reads more than there is memory for, each piece twice, so that it looks as worth keeping as what others use. */
static void noise_cache(void) {
  static char block[MIB];
  int fd = make_file("/noise", 0, NOISE_MIB);
  ready();
  for (long chunk = 0;; chunk = (chunk + CHUNK_MIB) % NOISE_MIB)
    for (long i = 0; i < 2 * CHUNK_MIB; i++)
      if (pread(fd, block, MIB, (chunk + i % CHUNK_MIB) * MIB) != MIB) die("read");
}

/* Past the page cache, as a database writes: cgroup v1 knows only of such writes who made them. */
static void noise_disk(void) {
  int fd = open("/noise", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
  char *block = aligned_alloc(PAGE, MIB);
  if (fd < 0 || !block) die("/noise");
  memset(block, 1, MIB);
  int writer = 0;
  while (++writer < WRITERS && fork() != 0) continue;
  if (writer == WRITERS) ready();
  off_t from = (off_t)writer * WRITTEN_MIB;
  for (long i = 0;; i++)
    if (pwrite(fd, block, MIB, (from + i % WRITTEN_MIB) * MIB) != MIB) die("write");
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "request") == 0) return request(argv[2], atol(argv[3]), atol(argv[4]));
  if (argc != 3 || strcmp(argv[1], "noise") != 0) return 2;
  if (strcmp(argv[2], "compute") == 0) noise_compute();
  else if (strcmp(argv[2], "processes") == 0) noise_processes();
  else if (strcmp(argv[2], "cache") == 0) noise_cache();
  else if (strcmp(argv[2], "disk") == 0) noise_disk();
  return 2;
}
