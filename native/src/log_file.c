#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan_table.h"
#include "util.h"

#define COMPRESSED ".gz"
#define PART ".gz-part"
#define NEXT ".next"

static size_t record_max(const struct log_file *file) { return file->format == LOG_FORMAT_LOCAL ? log_local_max() : log_json_max(file); }

static size_t format(struct log_file *file, const struct log_record *record, uint8_t *out) {
  return file->format == LOG_FORMAT_LOCAL ? log_local_format(record, out) : log_json_format(file, record, out);
}

/* The name of an old file; false when it is too long to be one. */
static bool old_name(const struct log_file *file, uint32_t number, const char *suffix, char *out) {
  int length = snprintf(out, PATH_MAX, "%s.%u%s", file->path, number, suffix);
  return length > 0 && length < PATH_MAX;
}

static bool name_with(const struct log_file *file, const char *suffix, char *out) {
  int length = snprintf(out, PATH_MAX, "%s%s", file->path, suffix);
  return length > 0 && length < PATH_MAX;
}

int log_file_open(struct log_file *file, uint32_t mode) {
  char first[PATH_MAX];
  struct stat info;
  struct stat old;
  file->buffer = malloc(LOG_FLUSH + record_max(file));
  if (!file->buffer) return ENOMEM;
  if (!old_name(file, 1, "", first)) return ENAMETOOLONG;
  file->fd = open(file->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file->fd < 0 || fstat(file->fd, &info) < 0) return errno;
  file->size = (uint64_t)info.st_size;
  /* A monitor was killed between the link and the rename of `replace`: the rotation did not happen. */
  if (info.st_nlink > 1 && lstat(first, &old) == 0 && old.st_dev == info.st_dev && old.st_ino == info.st_ino) unlink(first);
  return 0;
}

/*
 * Whole records or none: a record of which the disk took only a part would spoil the next one.
 */
void log_file_flush(struct log_file *file) {
  if (file->length == 0) return;
  int error = write_all(file->fd, file->buffer, file->length);
  if (error == 0) {
    file->size += file->length;
  } else {
    if (ftruncate(file->fd, (off_t)file->size) < 0) error = errno;
    if (file->error == 0) file->error = error;
  }
  file->length = 0;
}

static void move(const struct log_file *file, uint32_t from, const char *suffix) {
  char source[PATH_MAX];
  char target[PATH_MAX];
  if (old_name(file, from, suffix, source) && old_name(file, from + 1, suffix, target)) rename(source, target);
}

static void drop_oldest(const struct log_file *file) {
  char name[PATH_MAX];
  if (old_name(file, file->max_files - 1, "", name)) unlink(name);
  if (old_name(file, file->max_files - 1, COMPRESSED, name)) unlink(name);
}

/* The current file's name is never missing: who reads the log meanwhile finds the old one there or the new one. */
static int replace(const struct log_file *file, const char *next) {
  char first[PATH_MAX];
  if (file->max_files > 1) {
    drop_oldest(file);
    for (uint32_t i = file->max_files - 2; i > 0; i--) {
      move(file, i, COMPRESSED);
      move(file, i, "");
    }
    if (!old_name(file, 1, "", first)) return ENAMETOOLONG;
    /* Without hard links the name is missing for a moment, which is better than to lose the old files. */
    if (link(file->path, first) < 0 && rename(file->path, first) < 0) return errno;
  }
  return rename(next, file->path) < 0 ? errno : 0;
}

/* A rotation that fails leaves the current file in use, above its size. */
static void rotate(struct log_file *file) {
  char next[PATH_MAX];
  struct stat info;
  if (!name_with(file, NEXT, next) || fstat(file->fd, &info) < 0) return;
  int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, info.st_mode & 0777);
  int error = fd < 0 ? errno : replace(file, next);
  if (error != 0) {
    if (fd >= 0) close(fd);
    if (file->error == 0) file->error = error;
    return;
  }
  close(file->fd);
  file->fd = fd;
  file->size = 0;
  file->rotated = true;
}

void log_file_put(struct log_file *file, const struct log_record *record) {
  if (file->max_bytes > 0 && file->size + file->length >= file->max_bytes) {
    log_file_flush(file);
    if (file->size >= file->max_bytes) rotate(file);
  }
  file->length += format(file, record, file->buffer + file->length);
  if (file->length >= LOG_FLUSH) log_file_flush(file);
}

void log_file_compressed(struct log_file *file, uint64_t inode) {
  char part[PATH_MAX];
  char plain[PATH_MAX];
  char target[PATH_MAX];
  struct stat info;
  if (!name_with(file, PART, part)) return;
  for (uint32_t i = 1; i < file->max_files; i++) {
    if (!old_name(file, i, "", plain) || lstat(plain, &info) < 0 || info.st_ino != inode) continue;
    if (old_name(file, i, COMPRESSED, target) && rename(part, target) == 0) unlink(plain);
    return;
  }
  /* It has been dropped meanwhile. */
  unlink(part);
}
