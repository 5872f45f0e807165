/* Programs of the host that are run to their end: hooks, and the commands of another OCI runtime. */
#ifndef ISLET_PROGRAM_H
#define ISLET_PROGRAM_H
#include "context.h"

struct program {
  const char *path;
  struct plan_strs argv;
  struct plan_strs env;
  int stdio[3];
  int output_fd;       /* a file with what it says, or -1 */
  int drained[2];      /* or ends of pipes, that do not block, to be read while it runs; -1 for none */
  int cgroup_fd;       /* cgroup2 directory in which it is made, or -1 */
  uint32_t timeout_ms; /* 0: none */
  bool tied;           /* it dies with this process */
};

/* Where the output of a program can go that nobody reads while it runs: its writer never blocks. -1 with errno. */
int program_output(void);
/*
 * 0 when it ended with 0. Otherwise an errno, its last words in the report: ETIMEDOUT when it had to be killed,
 * ECANCELED when it ended otherwise.
 */
int program_run(struct context *ctx, const struct program *program);
#endif
