/*
 * islet unpack DIR            carries out the op stream on stdin below DIR, reports on stdout
 * islet unpack --empty DIR    removes everything below DIR
 *
 * The process locks itself into DIR first: own mount namespace whose root is DIR (nosuid, nodev, noexec), the few
 * capabilities that making files needs, no_new_privs. It never executes and never maps anything found there.
 *
 * Stream: "ISLU", u32 version, then frames {u32 payload length, u8 opcode, payload}; little-endian; str = u32 length,
 * the bytes, NUL. Entry payload: u64 index, u32 mode, uid, gid, mtime ns, i64 mtime s, u64 arg, str path, str target.
 * DATA payload: bytes. HOLE: u64 length. XATTR: str name, bytes. FINISH: empty.
 * Report: u32 length of the rest, u8 status. 0: u64 entries, bytes, skipped xattrs. 1: u64 index, u32 errno,
 * str operation, str path.
 */
#include "unpack.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { UNPACK_VERSION = 1, INPUT_BYTES = 2 << 20, FRAME_HEADER = 5, ENTRY_FIXED = 40 };

struct input {
  uint8_t *data;
  size_t start, end;
};

struct cursor {
  const uint8_t *at;
  size_t left;
  int bad;
};

static uint64_t take(struct cursor *cursor, size_t width)
{
  uint64_t value = 0;
  if (cursor->left < width) {
    cursor->bad = 1;
    return 0;
  }
  memcpy(&value, cursor->at, width);
  cursor->at += width;
  cursor->left -= width;
  return le64toh(value);
}

/* A string whose stated length is its C length: a NUL inside would make two readers see two names. */
static const char *take_string(struct cursor *cursor)
{
  size_t length = (size_t)take(cursor, 4);
  const char *text = (const char *)cursor->at;
  if (cursor->bad || cursor->left <= length || text[length] != '\0' || strlen(text) != length) {
    cursor->bad = 1;
    return "";
  }
  cursor->at += length + 1;
  cursor->left -= length + 1;
  return text;
}

/* Makes `need` bytes contiguous at start. 1 yes, 0 end of input, -1 errno. */
static int fill(struct input *input, size_t need)
{
  if (input->end - input->start >= need)
    return 1;
  if (input->start > 0) {
    memmove(input->data, input->data + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;
  }
  while (input->end < need) {
    ssize_t got = read(STDIN_FILENO, input->data + input->end, INPUT_BYTES - input->end);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return (int)got;
    input->end += (size_t)got;
  }
  return 1;
}

static int need_input(struct unpack_tree *tree, struct input *input, size_t need)
{
  int state = fill(input, need);
  if (state > 0)
    return 0;
  return unpack_fail(tree, state == 0 ? "input ends early" : "read input", state == 0 ? EPIPE : errno);
}

static int run_data(struct unpack_tree *tree, struct input *input, size_t length)
{
  while (length > 0) {
    if (need_input(tree, input, 1) < 0)
      return -1;
    size_t piece = input->end - input->start;
    if (piece > length)
      piece = length;
    if (unpack_tree_data(tree, input->data + input->start, piece) < 0)
      return -1;
    input->start += piece;
    length -= piece;
  }
  return 0;
}

static int run_frame(struct unpack_tree *tree, unsigned opcode, struct cursor cursor)
{
  if (opcode == UNPACK_HOLE) {
    uint64_t length = take(&cursor, 8);
    return cursor.bad ? unpack_fail(tree, "decode hole", EBADMSG) : unpack_tree_hole(tree, length);
  }
  if (opcode == UNPACK_XATTR) {
    const char *name = take_string(&cursor);
    return cursor.bad ? unpack_fail(tree, "decode attribute", EBADMSG)
                          : unpack_tree_xattr(tree, name, cursor.at, cursor.left);
  }
  if (opcode < UNPACK_DIR || opcode > UNPACK_OPAQUE)
    return unpack_fail(tree, "decode opcode", EBADMSG);
  struct unpack_entry entry = {0};
  entry.index = take(&cursor, 8);
  entry.mode = (uint32_t)take(&cursor, 4);
  entry.uid = (uint32_t)take(&cursor, 4);
  entry.gid = (uint32_t)take(&cursor, 4);
  entry.mtime_ns = (uint32_t)take(&cursor, 4);
  entry.mtime_s = (int64_t)take(&cursor, 8);
  entry.arg = take(&cursor, 8);
  entry.path = take_string(&cursor);
  entry.target = take_string(&cursor);
  if (cursor.bad)
    return unpack_fail(tree, "decode entry", EBADMSG);
  return unpack_tree_entry(tree, (enum unpack_opcode)opcode, &entry);
}

static int run_stream(struct unpack_tree *tree, struct input *input)
{
  if (need_input(tree, input, 8) < 0)
    return -1;
  struct cursor hello = {input->data + 4, 4, 0};
  if (memcmp(input->data, "ISLU", 4) != 0 || take(&hello, 4) != UNPACK_VERSION)
    return unpack_fail(tree, "check stream version", EBADMSG);
  input->start += 8;
  for (;;) {
    if (need_input(tree, input, FRAME_HEADER) < 0)
      return -1;
    struct cursor header = {input->data + input->start, FRAME_HEADER, 0};
    size_t length = (size_t)take(&header, 4);
    unsigned opcode = (unsigned)take(&header, 1);
    input->start += FRAME_HEADER;
    if (opcode == UNPACK_DATA) {
      if (run_data(tree, input, length) < 0)
        return -1;
      continue;
    }
    if (length > INPUT_BYTES - FRAME_HEADER)
      return unpack_fail(tree, "decode frame", EMSGSIZE);
    if (need_input(tree, input, length) < 0)
      return -1;
    struct cursor payload = {input->data + input->start, length, 0};
    if (opcode == UNPACK_FINISH)
      return unpack_tree_finish(tree);
    if (run_frame(tree, opcode, payload) < 0)
      return -1;
    input->start += length;
  }
}

static const int kept_capabilities[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
                    CAP_MKNOD,  CAP_SETFCAP,      CAP_SYS_ADMIN};

static int drop_privileges(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  uint64_t keep = 0;
  for (size_t i = 0; i < sizeof kept_capabilities / sizeof *kept_capabilities; i++)
    keep |= UINT64_C(1) << kept_capabilities[i];
  for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if ((keep >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
      return -1;
  if (syscall(SYS_capget, &header, data) < 0)
    return -1;
  for (int half = 0; half < 2; half++) {
    data[half].permitted &= (uint32_t)(keep >> (32 * half));
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) < 0)
    return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Makes DIR the root of an own mount namespace; the host's mounts are gone from it. */
static int enter(struct unpack_tree *tree, const char *directory)
{
  unsigned long bind_flags = MS_BIND | MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  struct rlimit none = {0, 0};
  umask(0);
  if (unshare(CLONE_NEWNS) < 0)
    return unpack_fail(tree, "unshare the mount namespace", errno);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return unpack_fail(tree, "make mounts private", errno);
  if (mount(directory, directory, NULL, MS_BIND, NULL) < 0 || mount(NULL, directory, NULL, bind_flags, NULL) < 0)
    return unpack_fail(tree, "bind the layer directory", errno);
  if (chdir(directory) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
    chdir("/") < 0)
    return unpack_fail(tree, "enter the layer directory", errno);
  if (syscall(SYS_close_range, 3u, ~0u, 0u) < 0)
    return unpack_fail(tree, "close descriptors", errno);
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return unpack_fail(tree, "open the layer directory", errno);
  if (setrlimit(RLIMIT_CORE, &none) < 0 || drop_privileges() < 0)
    return unpack_fail(tree, "drop privileges", errno);
  unpack_tree_init(tree, root);
  return 0;
}

static size_t put(uint8_t *report, size_t at, uint64_t value, size_t width)
{
  value = htole64(value);
  memcpy(report + at, &value, width);
  return at + width;
}

static size_t put_string(uint8_t *report, size_t at, const char *text)
{
  size_t length = strlen(text);
  at = put(report, at, length, 4);
  memcpy(report + at, text, length + 1);
  return at + length + 1;
}

static int report(const struct unpack_tree *tree, int failed)
{
  uint8_t bytes[UNPACK_PATH_MAX + 256];
  size_t at = put(bytes, 4, failed ? 1 : 0, 1);
  if (failed) {
    at = put(bytes, at, tree->index, 8);
    at = put(bytes, at, (uint64_t)tree->error, 4);
    at = put_string(bytes, at, tree->operation);
    at = put_string(bytes, at, tree->path);
  } else {
    at = put(bytes, at, tree->entries, 8);
    at = put(bytes, at, tree->bytes, 8);
    at = put(bytes, at, tree->xattrs_skipped, 8);
  }
  put(bytes, 0, at - 4, 4);
  for (size_t done = 0; done < at;) {
    ssize_t wrote = write(STDOUT_FILENO, bytes + done, at - done);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote < 0)
      return 1;
    done += (size_t)wrote;
  }
  return failed ? 1 : 0;
}

static int empty(struct unpack_tree *tree)
{
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int result = fd < 0 ? -1 : unpack_empty(fd);
  if (result < 0)
    unpack_fail(tree, "remove", errno);
  if (fd >= 0)
    close(fd);
  return result;
}

int unpack_stream(struct unpack_tree *tree)
{
  struct input input = {malloc(INPUT_BYTES), 0, 0};
  if (input.data == NULL)
    return unpack_fail(tree, "allocate", ENOMEM);
  int result = run_stream(tree, &input);
  free(input.data);
  return result;
}

int unpack_main(int argc, char **argv)
{
  static struct unpack_tree tree;
  int emptying = argc == 3 && strcmp(argv[1], "--empty") == 0;
  if (argc != 2 && !emptying) {
    fputs("usage: islet unpack DIR | islet unpack --empty DIR\n", stderr);
    return 2;
  }
  if (enter(&tree, argv[argc - 1]) < 0)
    return report(&tree, 1);
  if (emptying)
    return report(&tree, empty(&tree) < 0);
  return report(&tree, unpack_stream(&tree) < 0);
}
