#include "facts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

const char *const namespace_names[NAMESPACE_KINDS] = {"pid", "mnt", "net", "uts", "ipc", "cgroup", "user", "time"};

const char *const capability_names[CAPABILITIES] = {
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore"};

bool read_line(const char *path, char *line, size_t size) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  bool read = fgets(line, (int)size, file) != NULL;
  fclose(file);
  if (read) line[strcspn(line, "\n")] = '\0';
  return read;
}

Status read_status(void) {
  Status status = {0};
  FILE *file = fopen("/proc/self/status", "re");
  if (file == NULL) return status;
  status.readable = true;
  char line[512];
  while (fgets(line, sizeof line, file) != NULL) {
    sscanf(line, "CapEff: %" SCNx64, &status.effective);
    sscanf(line, "CapBnd: %" SCNx64, &status.bounding);
    sscanf(line, "NoNewPrivs: %d", &status.no_new_privs);
    sscanf(line, "Seccomp: %d", &status.seccomp_mode);
    sscanf(line, "Seccomp_filters: %d", &status.seccomp_filters);
  }
  fclose(file);
  return status;
}

/* proc_pid_mountinfo(5): id parent major:minor root mount-point options [tags] - type source super-options */
static void read_root_mount(const char *line, Mounts *mounts) {
  char point[64];
  char options[128];
  if (sscanf(line, "%*s %*s %*s %*s %63s %127s", point, options) != 2 || strcmp(point, "/") != 0) return;
  const char *type = strstr(line, " - ");
  if (type == NULL || sscanf(type, " - %31s", mounts->root_type) != 1) return;
  snprintf(mounts->root_options, sizeof mounts->root_options, "%.*s", (int)strcspn(options, ","), options);
}

Mounts read_mounts(void) {
  Mounts mounts = {.count = -1};
  FILE *file = fopen("/proc/self/mountinfo", "re");
  if (file == NULL) return mounts;
  mounts.count = 0;
  char line[8192];
  while (fgets(line, sizeof line, file) != NULL) {
    /* An overlay's options can be longer than the buffer: the rest of such a line is no new mount. */
    bool whole = strchr(line, '\n') != NULL;
    read_root_mount(line, &mounts);
    mounts.count++;
    for (int c = '\0'; !whole && c != '\n' && c != EOF;) c = fgetc(file);
  }
  fclose(file);
  return mounts;
}

Visible read_visible(void) {
  Visible visible = {.processes = -1};
  DIR *directory = opendir("/proc");
  if (directory == NULL) return visible;
  visible.processes = 0;
  char self[16] = "";
  snprintf(self, sizeof self, "%d", (int)getpid());
  for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    visible.processes++;
    if (strcmp(entry->d_name, self) == 0) continue;
    char path[64];
    char name[32];
    snprintf(path, sizeof path, "/proc/%.32s/comm", entry->d_name);
    size_t used = strlen(visible.others);
    if (used + sizeof name + 2 > sizeof visible.others || !read_line(path, name, sizeof name)) continue;
    snprintf(visible.others + used, sizeof visible.others - used, "%s%s", used == 0 ? "" : ", ", name);
  }
  closedir(directory);
  return visible;
}

/*
 * The kernel numbers the namespaces that it boots with 0xeffffff7 and up, and all later ones from 0xf0000000. Mount and
 * network namespaces got such fixed numbers only in Linux 6.18: before that nothing can be said about them from inside.
 */
Ownership namespace_ownership(int kind) {
  char path[64];
  struct stat info;
  snprintf(path, sizeof path, "/proc/self/ns/%s", namespace_names[kind]);
  if (stat(path, &info) != 0) return NS_UNKNOWN;
  if (info.st_ino >= 0xeffffff7 && info.st_ino <= 0xefffffff) return NS_HOST;
  bool always_fixed = strcmp(namespace_names[kind], "mnt") != 0 && strcmp(namespace_names[kind], "net") != 0;
  if (always_fixed) return NS_OWN;
  struct utsname kernel;
  int major = 0;
  int minor = 0;
  uname(&kernel);
  sscanf(kernel.release, "%d.%d", &major, &minor);
  return major > 6 || (major == 6 && minor >= 18) ? NS_OWN : NS_UNKNOWN;
}

bool read_limit(const char *const *paths, uint64_t *value) {
  char line[64];
  for (; *paths != NULL; paths++) {
    if (!read_line(*paths, line, sizeof line)) continue;
    uint64_t number = strtoull(line, NULL, 10);
    /* v1 says "no memory limit" as the largest multiple of the page size. */
    *value = strcmp(line, "max") == 0 || number >= INT64_MAX - 0xffff ? UINT64_MAX : number;
    return true;
  }
  return false;
}

int read_cpu_hundredths(void) {
  static const char *const v1_directories[] = {"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu"};
  char line[64];
  long long quota = -1;
  long long period = 0;
  if (read_line("/sys/fs/cgroup/cpu.max", line, sizeof line)) {
    return sscanf(line, "%lld %lld", &quota, &period) == 2 && period > 0 ? (int)(quota * 100 / period) : 0;
  }
  for (size_t i = 0; i < sizeof v1_directories / sizeof v1_directories[0]; i++) {
    char path[96];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", v1_directories[i]);
    if (!read_line(path, line, sizeof line)) continue;
    quota = strtoll(line, NULL, 10);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", v1_directories[i]);
    if (quota <= 0 || !read_line(path, line, sizeof line)) return 0;
    period = strtoll(line, NULL, 10);
    return period > 0 ? (int)(quota * 100 / period) : 0;
  }
  return -1;
}

bool read_gateway(char *text, size_t size) {
  FILE *file = fopen("/proc/net/route", "re");
  if (file == NULL) return false;
  char line[256];
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    uint32_t destination;
    struct in_addr gateway;
    found = sscanf(line, "%*s %" SCNx32 " %" SCNx32, &destination, &gateway.s_addr) == 2 && destination == 0 &&
            gateway.s_addr != 0 && inet_ntop(AF_INET, &gateway, text, (socklen_t)size) != NULL;
  }
  fclose(file);
  return found;
}
