/* Labels of SELinux on files. */
#ifndef ISLET_LABEL_H
#define ISLET_LABEL_H

/* Gives the file its label, unless its file system keeps none. Needs the host's /proc. 0 or an errno. */
int label_fd(int fd, const char *label);
#endif
