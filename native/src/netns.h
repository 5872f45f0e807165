/* Short visits to another network namespace. */
#ifndef ISLET_NETNS_H
#define ISLET_NETNS_H

/* Enters the one at this path: a descriptor of the own one, for netns_leave, or -1 with errno and nothing changed. */
int netns_enter(const char *path);
/* Goes back. 0 or an errno. */
int netns_leave(int home);
#endif
