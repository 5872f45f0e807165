/* A terminal in the foreground: bytes between the caller's standard streams and the container's terminal. */
#ifndef ISLET_PROXY_H
#define ISLET_PROXY_H
/* Until the process of `pidfd` has ended and its last output is through. Puts the caller's terminal into raw mode meanwhile. */
void proxy_terminal(int master, int pidfd);
#endif
