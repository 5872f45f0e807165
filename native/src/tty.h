#ifndef ISLET_TTY_H
#define ISLET_TTY_H
#include <stdint.h>
#include <sys/types.h>

/* Sends one descriptor over a unix socket; 0 or an errno. */
int tty_send(int socket, int fd);
/* The same with bytes of the caller's, at least one; *sent is how many went. */
int tty_send_with(int socket, int fd, const void *bytes, size_t count, size_t *sent);
/* As recv(2) of one byte; *fd is a descriptor that came along, close-on-exec. */
ssize_t tty_receive(int socket, int *fd, char *byte);
/* Makes the terminal the controlling one of a session that this process leads. 0 or an errno. */
int tty_start_session(int slave);
/* 0 or an errno. */
int tty_resize(int master, uint32_t rows, uint32_t cols);
#endif
