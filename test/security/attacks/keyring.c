/*
 * Keys of a session: `keyring hold NAME VALUE COMMAND...` executes a command in a new session keyring with this key;
 * `keyring add NAME VALUE` adds it to the session keyring that is there, and stays; `keyring find NAME` prints the value
 * of a key that the session has; `keyring steal KEYRING NAME` joins the session keyring of this name first.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long key(int command, long a, long b, long c, long d) { return syscall(SYS_keyctl, command, a, b, c, d); }

static int failed(void) {
  puts(strerrorname_np(errno));
  return 1;
}

static long add(const char *name, const char *value) {
  return syscall(SYS_add_key, "user", name, value, strlen(value), KEY_SPEC_SESSION_KEYRING);
}

static int find(const char *name) {
  char value[256] = "";
  long id = key(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)name, 0);
  if (id < 0 || key(KEYCTL_READ, id, (long)value, sizeof(value) - 1, 0) < 0) return failed();
  puts(value);
  return 0;
}

int main(int argc, char **argv) {
  if (argc >= 5 && strcmp(argv[1], "hold") == 0) {
    if (key(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0 || add(argv[2], argv[3]) < 0) return failed();
    execvp(argv[4], argv + 4);
    return failed();
  }
  if (argc == 4 && strcmp(argv[1], "add") == 0) {
    if (add(argv[2], argv[3]) < 0) return failed();
    puts("added");
    fflush(stdout);
    pause();
  }
  if (argc == 3 && strcmp(argv[1], "find") == 0) return find(argv[2]);
  if (argc == 4 && strcmp(argv[1], "steal") == 0) {
    return key(KEYCTL_JOIN_SESSION_KEYRING, (long)argv[2], 0, 0, 0) < 0 ? failed() : find(argv[3]);
  }
  return 2;
}
