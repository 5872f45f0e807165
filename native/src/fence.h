/*
 * The fences of islet: checks that each stand against a known escape, by name. In the product all of them stand: fence()
 * is the constant true, and the compiler drops what would be done without. Tests build another islet (`make unfenced`,
 * test/security/fences.c), in which the environment says what is taken away, and see that the attack then succeeds.
 */
#ifndef ISLET_FENCE_H
#define ISLET_FENCE_H
#include <stdbool.h>
#include <stdint.h>

#define FENCES(X)                                                                                             \
  /* CVE-2019-5736: islet runs from a copy of itself in memory that nobody can write to. */                   \
  X(SEALED_COPY)                                                                                              \
  /* CVE-2024-21626: descriptors of the host are closed before the container's paths are used. */             \
  X(HOST_DESCRIPTORS)                                                                                         \
  /* CVE-2024-21626: the working directory lies in the root, as the kernel sees it. */                        \
  X(CWD_INSIDE)                                                                                               \
  /* CVE-2026-41579, CVE-2018-15664 and all links of images: every path is resolved below the root. */        \
  X(IN_ROOT)                                                                                                  \
  /* CVE-2021-30465, CVE-2024-45310: what was found is mounted on, not what its name means a moment later. */ \
  X(BY_DESCRIPTOR)                                                                                            \
  /* CVE-2025-31133: files are masked with the host's own null device. */                                     \
  X(MASK_SOURCE)                                                                                              \
  /* The node of the host's null device cannot be changed through a masked file. */                           \
  X(MASK_READONLY)                                                                                            \
  /* CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: procfs and sysfs lie where their masks will be put. */   \
  X(KERNEL_FS_PLACE)                                                                                          \
  /* CVE-2019-16884: nothing but procfs lies on /proc. */                                                     \
  X(PROC_UNCOVERED)                                                                                           \
  /* CVE-2025-52881: what is written to is procfs. */                                                         \
  X(PROCFS)                                                                                                   \
  /* CVE-2025-52565: the terminal comes from the container's own devpts. */                                   \
  X(DEVPTS)                                                                                                   \
  /* CVE-2025-52565: /dev/console is the terminal that was opened, not what has its name. */                  \
  X(CONSOLE)                                                                                                  \
  /* CVE-2016-9962: a process that enters a PID namespace is not to be traced from its user namespace. */     \
  X(HIDDEN)                                                                                                   \
  /* CVE-2019-14271: what reads and writes a container's files has a root of its own, and so no code of the container's. */ \
  X(OWN_CODE)

enum fence {
#define X(name) FENCE_##name,
  FENCES(X)
#undef X
};

#ifdef ISLE_TEST_FENCES
bool fence(enum fence name);
/* Is the operation with this code done at all? */
bool fence_op(uint16_t code);
/* Without FENCE_BY_DESCRIPTOR: opens the name of what `fd` stands for, and closes `fd`. */
int fence_by_name(int fd, uint64_t flags);
/* Without FENCE_OWN_CODE: takes this for the own root, and has the C library look a user up in it. */
void fence_enter(int root_fd);
#else
static inline bool fence(enum fence name) {
  (void)name;
  return true;
}
static inline bool fence_op(uint16_t code) {
  (void)code;
  return true;
}
static inline int fence_by_name(int fd, uint64_t flags) {
  (void)flags;
  return fd;
}
static inline void fence_enter(int root_fd) { (void)root_fd; }
#endif
#endif
