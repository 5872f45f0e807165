#ifndef ISLET_LAUNCHER_H
#define ISLET_LAUNCHER_H
#include "util.h"

/* Descriptors with fixed numbers in the launcher and, where they are kept, in its monitors. */
#define LAUNCHER_SOCKET_FD 3
#define STATUS_FD 3 /* in a forked job: pipe to the launcher */
#define ALIVE_FD 4  /* read end of a pipe that only the launcher writes: hangs up when it is gone */

#define FRAME_START 1
#define FRAME_RUN 2
#define FRAME_STARTED 1
#define FRAME_FAILED 2
#define FRAME_RESULT 3
#define FRAME_LISTENING 4 /* the monitor can be connected to; STARTED or FAILED follows */

struct job_process;

int launcher_main(int argc, char **argv);
/* Serves LAUNCHER_SOCKET_FD until its end; the exit status. null_fd is found anew. */
int launcher_run(const struct job_process *process);

/* Begins a frame for request `id`; the length is filled in by frame_end. */
bool frame_begin(struct buffer *frame, uint32_t id, uint8_t type);
void frame_end(struct buffer *frame);
/* A whole FAILED frame. */
bool frame_failed(struct buffer *frame, uint32_t id, int32_t op, int32_t error, const char *detail);
#endif
