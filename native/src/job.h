/* A forked child of the launcher: a monitor with its container, or a run plan. */
#ifndef ISLET_JOB_H
#define ISLET_JOB_H
#include <stddef.h>
#include <stdint.h>

struct job_process {
  int null_fd;           /* /dev/null, read and write */
  char *arguments;       /* memory of the command line, for the monitor's name in ps */
  size_t arguments_size;
};

void job_main(const struct job_process *process, uint32_t id, uint8_t type, int status_fd, const uint8_t *plan, size_t length)
    __attribute__((noreturn));
#endif
