/* What a process can learn about its own isolation from /proc, /sys and a few system calls. No output happens here. */
#ifndef HELLO_FACTS_H
#define HELLO_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All texts are cut to their buffer; nothing is allocated. */
typedef struct {
  bool readable; /* /proc/self/status could be read */
  uint64_t effective;
  uint64_t bounding;
  int seccomp_mode; /* 0 off, 1 strict, 2 filter */
  int seccomp_filters;
  int no_new_privs;
} Status;

typedef struct {
  int count; /* mounts in this mount namespace; -1: not readable */
  char root_type[32];
  char root_options[16]; /* "ro" or "rw" */
} Mounts;

typedef struct {
  int processes; /* -1: /proc is not readable */
  char others[96]; /* names of the other visible processes, as many as fit */
} Visible;

enum { NAMESPACE_KINDS = 8 };
typedef enum { NS_UNKNOWN, NS_OWN, NS_HOST } Ownership;
extern const char *const namespace_names[NAMESPACE_KINDS];

enum { CAPABILITIES = 41 };
extern const char *const capability_names[CAPABILITIES];

Status read_status(void);
Mounts read_mounts(void);
Visible read_visible(void);
Ownership namespace_ownership(int kind);
/* The first line of a file without its newline; false if it cannot be read. */
bool read_line(const char *path, char *line, size_t size);
/* The first of these cgroup files that exists, as a number; false if there is none. "max" and v1's huge value: UINT64_MAX. */
bool read_limit(const char *const *paths, uint64_t *value);
/* Processors that the CPU quota allows, in hundredths; 0: no quota; -1: not readable. */
int read_cpu_hundredths(void);
/* IPv4 default gateway as text; false if there is none. */
bool read_gateway(char *text, size_t size);

#endif
