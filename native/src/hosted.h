#ifndef ISLET_HOSTED_H
#define ISLET_HOSTED_H
#include <stddef.h>

struct job_process;

/*
 * Reads from the connection, in this length, the hash of the plan's table and the path of an islet program, and makes a
 * launcher that speaks over that connection. It has what this process has, its Landlock domain above all. The caller's copy
 * of `fd` can be closed.
 */
void hosted_launcher(const struct job_process *process, int fd, size_t length);
#endif
