/* What one plan's execution knows. One per process; the container's first process has a copy made by clone3. */
#ifndef ISLET_CONTEXT_H
#define ISLET_CONTEXT_H
#include <stdint.h>
#include <sys/types.h>

#include "plan_table.h"
#include "util.h"

#define DETAIL_SIZE 1024

struct plan_op {
  uint16_t code;
  uint8_t section;
  struct plan_reader payload;
};

struct plan {
  struct plan_op *ops;
  uint32_t count;
};

/*
 * Why a plan failed. The container's first process writes it to a page shared with the monitor instead of sending it:
 * no syscall is needed after the seccomp filter is on, and a process that dies without a word still shows by `at` how
 * far it came. execve drops the mapping.
 */
struct report {
  volatile int32_t at; /* index of the operation being done, -1 before the first */
  int32_t failed_op;   /* index of the one that failed, -1 for none */
  int32_t error;
  /* Of the container's process, as the host numbers it; set by clone3 before either side runs, and again by `appear`. */
  volatile pid_t pid;
  /* Number of the child's descriptor that seccompListener hands over. */
  volatile int32_t listener_fd;
  char detail[DETAIL_SIZE];
};

struct context {
  struct plan plan;
  struct report *report;

  /* The rootfs: O_PATH descriptor of the root mount, from overlayRoot or bindRoot. */
  int root_fd;
  bool pivoted;
  int mask_fd; /* the empty read-only tmpfs, attached once and cloned for each further mask */
  int copy_fd; /* the directory of copyFrom, or -1 */

  /* The container's first process. */
  int sync_fd;   /* socket to the other side */
  bool terminal_waits; /* standard input is the terminal that `appear` takes for its session */
  bool umask_set;
  bool sealed;   /* nothing from 3 up is open but what exec_close_host keeps */
  int init_fd;   /* this program, to be executed as process 1, or -1 */
  int listener_fd; /* of the seccomp filter, or -1 */

  /* The monitor. */
  uint64_t clone_flags;
  int cgroup_fd; /* cgroup2 directory for CLONE_INTO_CGROUP, or -1 */
  int netns_fd;  /* the child's network namespace while the parent section runs, or -1 */
  int pidns_fd;  /* namespaces that the clone enters, or -1 */
  bool time_unshared; /* children are in a new time namespace */
  int userns_fd;
  int mountns_fd; /* the own mount namespace while idmapOver has another one, or -1 */
  int cwd_fd;     /* the working directory meanwhile */
  int *held;      /* trees of holdTree by slot, -1 for none */
  uint32_t held_count;
  bool stdio_owned; /* the pipes go to these ids */
  uint32_t stdio_uid;
  uint32_t stdio_gid;
  pid_t pid;
  int pidfd;
  volatile pid_t *last_pid; /* in the page of the report: differs from `pid` once the process has appeared as another */
  struct monitor *monitor;
  const int *delegated_stdio; /* the container's ends of its streams while another runtime makes it, or NULL */

  /* Without a monitor (runtime.c). */
  bool unmonitored;
  int status_fd;       /* for the answer, or -1 */
  int console_fd;      /* connected to the console socket, or -1 */
  int terminal_fd;     /* the terminal's master, where no console socket took it */
  int join_fd;         /* pidfd of the process whose namespaces are joined, or -1 */
  int hold_fd;         /* FIFO of `hold` */
  unsigned preserved;  /* descriptors from 3 up that the workload keeps */

  /* A run plan. */
  struct buffer results;
  uint32_t result_count;
};

/*
 * Notes the kernel's own text or the object of a failure for the report; returns `error` so that it can be returned on.
 */
int fail(struct context *ctx, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
#endif
