/* Docker's default root file system: the overlay, the mounts, the devices. All by descriptors, as isle does it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "floor.h"

#define NOTHING_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int root = -1;
static int mask = -1; /* the empty tmpfs, attached once and cloned */

int root_open(const char *path, uint64_t flags, uint32_t mode) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int open_parent(const char *path) {
  char parent[PATH_SIZE];
  snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path) + 1, path);
  return root_open(parent, O_PATH | O_DIRECTORY, 0);
}

static int open_directory(const char *path, bool of_kernel) {
  /* procfs and sysfs go on no link of the image. */
  int fd = of_kernel ? root_open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0) : -1;
  if (fd < 0) fd = root_open(path, O_PATH | O_DIRECTORY, 0);
  if (fd >= 0) return fd;
  int parent = open_parent(path);
  const char *name = strrchr(path, '/') + 1;
  if (mkdirat(parent, name, 0755) < 0) die(path);
  fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  close(parent);
  return fd;
}

static void move(int tree, int target, const char *what) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) die(what);
  close(target);
  close(tree);
}

static void set_attributes(int tree, uint64_t attributes, unsigned flags) {
  struct mount_attr change = {.attr_set = attributes, .propagation = MS_PRIVATE};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | flags, &change, sizeof(change)) < 0) die("mount_setattr");
}

/* `options`: pairs of key and value, ended by NULL; a key without a value is a flag. */
static void mount_fs(const char *type, const char *source, const char *target, const char *const *options, unsigned attributes) {
  int context = fsopen(type, FSOPEN_CLOEXEC);
  fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0);
  for (; options && *options; options += 2) {
    fsconfig(context, options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[0], options[1], 0);
  }
  if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) die(target);
  int tree = fsmount(context, FSMOUNT_CLOEXEC, attributes);
  close(context);
  int place = open_directory(target, strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0);
  struct statfs fs;
  fstatfs(place, &fs);
  move(tree, place, target);
}

static void bind_cgroup(const struct cgroup *cgroup) {
  char target[PATH_SIZE];
  int tree = open_tree(AT_FDCWD, cgroup->directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) die(cgroup->directory);
  set_attributes(tree, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL, 0);
  snprintf(target, sizeof(target), "/sys/fs/cgroup/%s", cgroup->name);
  move(tree, open_directory(target, false), target);
}

static void mount_cgroups(void) {
  static const char *const options[] = {"mode", "755", NULL};
  if (config.cgroup_count == 0) {
    mount_fs("cgroup2", "cgroup", "/sys/fs/cgroup", NULL, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL);
    return;
  }
  mount_fs("tmpfs", "tmpfs", "/sys/fs/cgroup", options, NOTHING_SPECIAL);
  for (int i = 0; i < config.cgroup_count; i++) bind_cgroup(&config.cgroups[i]);
  int fd = root_open("/sys/fs/cgroup", O_PATH, 0);
  struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(fd, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0) die("/sys/fs/cgroup");
  close(fd);
}

static void bind_file(const char *name) {
  char path[PATH_SIZE];
  snprintf(path, sizeof(path), "%s/%s", config.files, name);
  int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) die(path);
  set_attributes(tree, 0, AT_RECURSIVE);
  snprintf(path, sizeof(path), "/etc/%s", name);
  int target = root_open(path, O_PATH, 0);
  if (target < 0) {
    close(open_parent(path));
    target = root_open(path, O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0644);
  }
  move(tree, target, path);
}

static void mount_all(void) {
  static const char *const dev[] = {"mode", "755", "size", "65536k", NULL};
  static const char *const pts[] = {"newinstance", NULL, "ptmxmode", "0666", "mode", "0620", "gid", "5", NULL};
  static const char *const shm[] = {"mode", "1777", "size", "67108864", NULL};
  mount_fs("proc", "proc", "/proc", NULL, NOTHING_SPECIAL);
  mount_fs("tmpfs", "tmpfs", "/dev", dev, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
  mount_fs("devpts", "devpts", "/dev/pts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  mount_fs("sysfs", "sysfs", "/sys", NULL, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL);
  mount_cgroups();
  mount_fs("mqueue", "mqueue", "/dev/mqueue", NULL, NOTHING_SPECIAL);
  mount_fs("tmpfs", "shm", "/dev/shm", shm, NOTHING_SPECIAL);
  bind_file("hosts");
  bind_file("hostname");
  bind_file("resolv.conf");
}

static void make_devices(void) {
  static const struct {
    const char *path;
    unsigned major, minor;
  } nodes[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},   {"/proc/self/fd/2", "/dev/stderr"},
                                         {"pts/ptmx", "/dev/ptmx"},            {"/proc/kcore", "/dev/core"}};
  for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
    int parent = open_parent(nodes[i].path);
    if (mknodat(parent, nodes[i].path + 5, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0) die(nodes[i].path);
    close(parent);
  }
  for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
    int parent = open_parent(links[i][1]);
    if (symlinkat(links[i][0], parent, links[i][1] + 5) < 0) die(links[i][1]);
    close(parent);
  }
}

static void mount_overlay(void) {
  char options[PATH_SIZE], target[PATH_SIZE];
  snprintf(target, sizeof(target), "%s/merged", config.work);
  snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work,index=off,redirect_dir=nofollow,metacopy=off", config.lower,
           config.work, config.work);
  if (chdir(config.layers) < 0 || mount("overlay", target, "overlay", 0, options) < 0) die(options);
  root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0 || chdir("/") < 0) die(target);
}

static void set_sysctls(void) {
  static const char *const files[][2] = {{"sys/net/ipv6/conf/eth0/disable_ipv6", "1"},
                                         {"sys/net/ipv4/ip_unprivileged_port_start", "0"},
                                         {"sys/net/ipv4/ping_group_range", "0 2147483647"}};
  struct statfs fs;
  struct stat info;
  struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
  int proc = root_open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
  if (proc < 0 || fstatfs(proc, &fs) < 0 || fstat(proc, &info) < 0) die("/proc");
  for (size_t i = config.link_parent.length > 0 ? 0 : 1; i < sizeof(files) / sizeof(files[0]); i++) {
    int fd = (int)syscall(SYS_openat2, proc, files[i][0], &how, sizeof(how));
    if (fd < 0 || write(fd, files[i][1], strlen(files[i][1])) < 0) die(files[i][0]);
    close(fd);
  }
  close(proc);
}

static void protect(const char *path) {
  int target = root_open(path, O_PATH, 0);
  if (target < 0) return;
  int tree = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof(change)) < 0) die(path);
  move(tree, target, path);
}

static int masking_tree(bool directory) {
  struct stat info;
  if (!directory) {
    int tree = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    if (fstat(tree, &info) < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0) die("/dev/null");
    return tree;
  }
  if (mask >= 0) return open_tree(mask, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
  fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
  fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  int tree = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | NOTHING_SPECIAL);
  close(context);
  mask = dup(tree);
  return tree;
}

static void hide(const char *path) {
  struct stat info;
  int target = root_open(path, O_PATH, 0);
  if (target < 0) return;
  if (fstat(target, &info) < 0) die(path);
  move(masking_tree(S_ISDIR(info.st_mode)), target, path);
}

static void set_kernel_paths(void) {
  static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  static const char *const masked[] = {"/proc/acpi",        "/proc/asound",     "/proc/interrupts",  "/proc/kcore",
                                       "/proc/keys",        "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
                                       "/proc/timer_list",  "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"};
  for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++) protect(readonly[i]);
  for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++) hide(masked[i]);
  for (int i = 0; i < config.mask_count; i++) hide(config.masks[i]);
}

void make_rootfs(int sync) {
  char byte;
  mount_overlay();
  done(OVERLAY);
  mount_all();
  done(MOUNTS);
  make_devices();
  done(DEVICES);
  if (config.link_parent.length > 0 && read(sync, &byte, 1) != 1) die("the parent");
  set_sysctls();
  send_netlink(&config.link_child);
  done(NETWORK);
  set_kernel_paths();
  done(KERNEL_PATHS);
}

void pivot(void) {
  int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old) < 0) die("pivot_root");
  if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) die("pivot_root");
  close(old);
  /* The host's null device becomes the container's. */
  struct stat info;
  int path = root_open("/dev/null", O_PATH | O_NOFOLLOW, 0);
  int null = root_open("/dev/null", O_RDONLY | O_NOFOLLOW, 0);
  if (fstat(null, &info) < 0 || dup2(null, STDIN_FILENO) < 0) die("/dev/null");
  close(null);
  close(path);
  done(PIVOT);
}
