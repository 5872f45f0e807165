/*
 * What system calls cost under seccomp filters. Arguments: rounds, calls in a batch, files with filters (struct sock_filter[]; "-"
 * for none). In each round a fresh process installs each filter in turn and makes the same calls. Prints lines: the filter's index,
 * a name, nanoseconds. The name "load" is what seccomp(2) took.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 5

/* Numbers of i386, by int $0x80. */
#define I386_READ 3
#define I386_GETPID 20
#define I386_CLONE 120
#define I386_PERSONALITY 136
#define I386_KEYCTL 288
#define I386_SOCKET 359
#define I386_FUTEX_TIME64 422

static uint32_t word;

static long native(long number, long a, long b) {
  long result;
  register long c __asm__("r10") = 0;
  __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(0L), "r"(c) : "rcx", "r11", "memory");
  return result;
}

static long compat(long number, long a, long b) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(0L) : "r8", "r9", "r10", "r11", "memory");
  return result;
}

/*
 * What the default policy decides by number alone (and the kernel so remembers), by arguments, and what it refuses. Each call fails,
 * or does next to nothing.
 */
static const struct {
  const char *name;
  long (*call)(long number, long a, long b);
  long number, a, b;
} cases[] = {
    {"getpid", native, SYS_getpid, 0, 0},
    {"read", native, SYS_read, -1, 0},
    {"futex", native, SYS_futex, 0, 1},
    {"clock_gettime", native, SYS_clock_gettime, 1, 0},
    {"landlock_create_ruleset", native, 444, 0, 0},
    {"personality, by argument", native, SYS_personality, 0xffffffff, 0},
    {"socket, by argument", native, SYS_socket, 1000, 0},
    {"clone, by argument", native, SYS_clone, CLONE_SIGHAND, 0},
    {"clone3, refused", native, SYS_clone3, 0, 0},
    {"keyctl, refused", native, SYS_keyctl, 0, 0},
    {"bpf, refused", native, SYS_bpf, 0, 0},
    {"number 600, refused", native, 600, 0, 0},
    {"number 0x3fffffff, refused", native, 0x3fffffff, 0, 0},
    {"number 0x40000258, refused", native, 0x40000000 + 600, 0, 0},
    {"i386 getpid", compat, I386_GETPID, 0, 0},
    {"i386 read", compat, I386_READ, -1, 0},
    {"i386 futex_time64", compat, I386_FUTEX_TIME64, 0, 1},
    {"i386 personality, by argument", compat, I386_PERSONALITY, 0xffffffff, 0},
    {"i386 socket, by argument", compat, I386_SOCKET, 1000, 0},
    {"i386 clone, by argument", compat, I386_CLONE, CLONE_SIGHAND, 0},
    {"i386 keyctl, refused", compat, I386_KEYCTL, 0, 0},
    {"i386 number 600, refused", compat, 600, 0, 0},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* Shared with the process that measures: under its filter it may not be able to say anything. */
struct results {
  double load_ns;
  double call_ns[CASES];
  int error;
};

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int install(const char *path, double *took) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) < 0) return errno;
  struct sock_filter *filter = malloc((size_t)info.st_size);
  if (!filter || read(fd, filter, (size_t)info.st_size) != info.st_size) return EIO;
  struct sock_fprog program = {.len = (unsigned short)((size_t)info.st_size / sizeof(*filter)), .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return errno;
  double before = now_ns();
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0) return errno;
  *took = now_ns() - before;
  return 0;
}

static void measure(struct results *out, const char *path, long calls) {
  if (strcmp(path, "-") != 0) out->error = install(path, &out->load_ns);
  for (size_t i = 0; i < CASES && out->error == 0; i++) {
    long a = cases[i].call == native && cases[i].number == SYS_futex ? (long)(uintptr_t)&word : cases[i].a;
    /* Where int $0x80 traps to a hypervisor it takes many times longer. */
    long count = cases[i].call == compat ? (calls + 4) / 5 : calls;
    double best = 1e18;
    for (int batch = 0; batch < BATCHES; batch++) {
      double before = now_ns();
      for (long n = 0; n < count; n++) cases[i].call(cases[i].number, a, cases[i].b);
      double took = (now_ns() - before) / (double)count;
      if (took < best) best = took;
    }
    out->call_ns[i] = best;
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  long rounds = atol(argv[1]);
  long calls = atol(argv[2]);
  struct results *results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (results == MAP_FAILED) return 1;
  for (long round = 0; round < rounds; round++) {
    for (int file = 3; file < argc; file++) {
      *results = (struct results){0};
      pid_t pid = fork();
      if (pid == 0) {
        measure(results, argv[file], calls);
        _exit(0);
      }
      int status;
      if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || results->error != 0) {
        fprintf(stderr, "%s: %s\n", argv[file], strerror(results->error));
        return 1;
      }
      printf("%d load: %f\n", file - 3, results->load_ns);
      for (size_t i = 0; i < CASES; i++) printf("%d %s: %f\n", file - 3, cases[i].name, results->call_ns[i]);
    }
  }
  return 0;
}
