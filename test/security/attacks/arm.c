/* Gives FILE the inheritable capability CAP_NET_RAW, effective at once: `arm FILE`. For root of the host. */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/xattr.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  struct vfs_cap_data data = {
      .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
      .data = {{.permitted = 0, .inheritable = 1u << CAP_NET_RAW}},
  };
  if (setxattr(argv[1], "security.capability", &data, sizeof(data), 0) == 0) return 0;
  perror(argv[1]);
  return 1;
}
