/* `islet runtime`: executes one plan for the OCI runtime command line, without a launcher and without a monitor. */
#ifndef ISLET_RUNTIME_H
#define ISLET_RUNTIME_H
/*
 * Answers STARTED or FAILED on the status descriptor once the container waits in `hold`, or has executed its program.
 * With `wait` it then stays until the process has ended and takes over its exit status.
 */
int runtime_main(int argc, char **argv);
#endif
