#ifndef ISLET_SEAL_H
#define ISLET_SEAL_H
/*
 * Makes this process run from a sealed memfd copy of its binary, by executing it again with the same arguments; 0 when
 * it already does, else an errno. A container's first process has our binary as /proc/self/exe until its execve, and an
 * image may name that path as its entry point: without the copy it could write to the host's file (CVE-2019-5736).
 */
int seal_self(char **argv);
#endif
