/* The program of the `hello` image: tells, from inside a container, what it sees of its own isolation. */
#include "facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { LABEL_WIDTH = 15, LINE_WIDTH = 92 };
static const char *bold = "";
static const char *dim = "";
static const char *colour = "";
static const char *reset = "";

static void choose_colours(void) {
  const char *term = getenv("TERM");
  const char *no_colour = getenv("NO_COLOR");
  if (!isatty(STDOUT_FILENO) || (no_colour != NULL && no_colour[0] != '\0')) return;
  if (term != NULL && strcmp(term, "dumb") == 0) return;
  bold = "\033[1m";
  dim = "\033[2m";
  colour = "\033[36m";
  reset = "\033[0m";
}

/* One line of the table; an empty label continues the row above. */
__attribute__((format(printf, 2, 3))) static void row(const char *label, const char *format, ...) {
  printf("  %s%-*s%s", colour, LABEL_WIDTH, label, reset);
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

/* Words after a label, wrapped and aligned. */
typedef struct {
  const char *label;
  char line[LINE_WIDTH + 64];
} Words;

static void flush_words(Words *words) {
  if (words->line[0] == '\0') return;
  row(words->label, "%s", words->line);
  words->label = "";
  words->line[0] = '\0';
}

static void add_word(Words *words, const char *word) {
  size_t used = strlen(words->line);
  if (used > 0 && LABEL_WIDTH + used + 1 + strlen(word) > LINE_WIDTH) {
    flush_words(words);
    used = 0;
  }
  snprintf(words->line + used, sizeof words->line - used, "%s%s", used == 0 ? "" : " ", word);
}

static void show_namespaces(void) {
  static const Ownership order[] = {NS_OWN, NS_HOST, NS_UNKNOWN};
  static const char *const titles[] = {
      [NS_OWN] = "of its own:", [NS_HOST] = "shared with the host:", [NS_UNKNOWN] = "this kernel does not tell:"};
  if (namespace_ownership(0) == NS_UNKNOWN) {
    row("namespaces", "%snot readable%s", dim, reset);
    return;
  }
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    Words words = {.label = i == 0 ? "namespaces" : "", .line = ""};
    add_word(&words, titles[order[i]]);
    int count = 0;
    for (int kind = 0; kind < NAMESPACE_KINDS; kind++) {
      if (namespace_ownership(kind) != order[i]) continue;
      add_word(&words, namespace_names[kind]);
      count++;
    }
    if (count == 0 && order[i] == NS_UNKNOWN) continue;
    if (count == 0) add_word(&words, "none");
    flush_words(&words);
  }
}

static void show_process(void) {
  row("process", "pid %d, parent %d", (int)getpid(), (int)getppid());
  Visible visible = read_visible();
  if (visible.processes < 0) row("", "%s/proc is not readable%s", dim, reset);
  else if (visible.processes == 1) row("", "sees no other process");
  else row("", "sees %d other processes: %s", visible.processes - 1, visible.others);
  struct utsname names;
  uname(&names);
  row("hostname", "%s", names.nodename);
  row("kernel", "%s %s, the host's: a container has none of its own", names.sysname, names.release);
}

static void show_mounts(void) {
  Mounts mounts = read_mounts();
  if (mounts.count < 0) {
    row("files", "%smounts are not readable%s", dim, reset);
    return;
  }
  const char *access = strcmp(mounts.root_options, "ro") == 0 ? "read-only" : "writable";
  row("files", "root is %s, %s; %d mounts in this namespace", mounts.root_type, access, mounts.count);
}

static int prefix_length(const struct sockaddr *mask) {
  const unsigned char *bytes = (const unsigned char *)&((const struct sockaddr_in *)mask)->sin_addr;
  int size = 4;
  if (mask->sa_family == AF_INET6) {
    bytes = (const unsigned char *)&((const struct sockaddr_in6 *)mask)->sin6_addr;
    size = 16;
  }
  int bits = 0;
  for (int i = 0; i < size; i++) bits += __builtin_popcount(bytes[i]);
  return bits;
}

static bool show_address(const char *label, const struct ifaddrs *entry) {
  if (entry->ifa_addr == NULL || entry->ifa_netmask == NULL) return false;
  int family = entry->ifa_addr->sa_family;
  const void *address = &((const struct sockaddr_in *)entry->ifa_addr)->sin_addr;
  if (family == AF_INET6) address = &((const struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr;
  else if (family != AF_INET) return false;
  char text[INET6_ADDRSTRLEN];
  char gateway[INET_ADDRSTRLEN];
  inet_ntop(family, address, text, sizeof text);
  bool routed = family == AF_INET && (entry->ifa_flags & IFF_LOOPBACK) == 0 && read_gateway(gateway, sizeof gateway);
  row(label, "%-5s %s/%d%s%s", entry->ifa_name, text, prefix_length(entry->ifa_netmask), routed ? ", gateway " : "",
      routed ? gateway : "");
  return true;
}

static void show_network(void) {
  struct ifaddrs *list = NULL;
  bool shown = false;
  if (getifaddrs(&list) == 0) {
    for (struct ifaddrs *entry = list; entry != NULL; entry = entry->ifa_next) {
      shown = show_address(shown ? "" : "network", entry) || shown;
    }
    freeifaddrs(list);
  }
  if (!shown) row("network", "no address on any interface");
}

static void show_user(void) {
  char map[128];
  unsigned long inside;
  unsigned long outside;
  unsigned long count;
  row("user", "uid %u, gid %u", (unsigned)getuid(), (unsigned)getgid());
  if (!read_line("/proc/self/uid_map", map, sizeof map)) return;
  if (sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3) return;
  const char *meaning = inside == outside ? "the same ids as outside" : "other ids than outside";
  row("", "uid map %lu -> %lu (%lu ids): %s", inside, outside, count, meaning);
}

static void show_capability_set(const char *label, const char *title, uint64_t set) {
  Words words = {.label = label, .line = ""};
  char head[64];
  snprintf(head, sizeof head, "%s %d of %d:", title, __builtin_popcountll(set), CAPABILITIES);
  add_word(&words, head);
  for (int i = 0; i < CAPABILITIES; i++) {
    if ((set >> i & 1) != 0) add_word(&words, capability_names[i]);
  }
  if (set == 0) add_word(&words, "none");
  flush_words(&words);
}

static void show_privileges(void) {
  static const char *const modes[] = {"off: every system call is allowed", "strict", "filter: system calls are checked"};
  Status status = read_status();
  if (!status.readable) {
    row("privileges", "%s/proc/self/status is not readable%s", dim, reset);
    return;
  }
  show_capability_set("capabilities", "effective", status.effective);
  if (status.bounding == status.effective) row("", "bounding set: the same, so nothing can be gained");
  else show_capability_set("", "bounding", status.bounding);
  int mode = status.seccomp_mode;
  row("seccomp", "mode %d, %s", mode, mode >= 0 && mode <= 2 ? modes[mode] : "unknown");
  row("no_new_privs", "%d, %s", status.no_new_privs,
      status.no_new_privs != 0 ? "set-user-id programs gain nothing" : "set-user-id programs work");
}

static void format_bytes(uint64_t bytes, char *text, size_t size) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
    value /= 1024;
    unit++;
  }
  snprintf(text, size, "%.4g %s", value, units[unit]);
}

static void show_limits(void) {
  static const char *const memory_files[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes", NULL};
  static const char *const pids_files[] = {"/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max", NULL};
  char memory[32] = "not readable";
  char pids[32] = "not readable";
  char cpu[32] = "not readable";
  uint64_t value;
  if (read_limit(memory_files, &value)) {
    if (value == UINT64_MAX) strcpy(memory, "unlimited");
    else format_bytes(value, memory, sizeof memory);
  }
  if (read_limit(pids_files, &value)) {
    if (value == UINT64_MAX) strcpy(pids, "unlimited");
    else snprintf(pids, sizeof pids, "%" PRIu64, value);
  }
  int hundredths = read_cpu_hundredths();
  if (hundredths == 0) strcpy(cpu, "unlimited");
  else if (hundredths > 0) snprintf(cpu, sizeof cpu, "%d.%02d processors", hundredths / 100, hundredths % 100);
  row("cgroup", "memory %s, processes %s, CPU %s", memory, pids, cpu);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  row("limits", "open files %" PRIu64, (uint64_t)files.rlim_cur);
}

int main(void) {
  choose_colours();
  printf("\n  %sHello from inside a container.%s\n", bold, reset);
  printf("  %sThis is one ordinary Linux process; the kernel just shows it a smaller world:%s\n\n", dim, reset);
  show_process();
  show_namespaces();
  show_mounts();
  show_network();
  show_user();
  show_privileges();
  show_limits();
  printf("\n  %sThe same from outside, with the reasons: isle explain CONTAINER%s\n\n", dim, reset);
  return fflush(stdout) == 0 ? 0 : 1;
}
