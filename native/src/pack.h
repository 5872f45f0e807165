/*
 * A tree below the root as frames on standard output, and frames on standard input as a tree below the root: what
 * `docker cp` and `docker export` are made of. TypeScript makes tar of it, and it of tar.
 *
 * Frames out: u32 length of the rest, u8 kind; little-endian; str = u32 length, the bytes.
 * ENTRY: u32 mode, uid, gid, major, minor, nlink, mtime ns, i64 mtime s, u64 size, inode, device, str path, str target,
 * str resolved (where the symlink at the path itself leads), u32 count, then per attribute str name, str value. DATA: bytes, as many in all as the entry's size.
 */
#ifndef ISLET_PACK_H
#define ISLET_PACK_H

enum { PACK_ENTRY = 1, PACK_DATA = 2 };

/* Mirrored in src/archive/pack-frames.ts. */
enum pack_flags {
  PACK_STAT_ONLY = 1,       /* the entry at the path itself and no more */
  PACK_ONE_FILE_SYSTEM = 2, /* what is mounted below is an empty directory */
  PACK_WITHOUT_DATA = 4,
};
#endif
