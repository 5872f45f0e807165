/* What unpack_tree.c and unpack_parents.c share. */
#ifndef ISLET_UNPACK_TREE_H
#define ISLET_UNPACK_TREE_H

#include "unpack.h"

int unpack_open(const struct unpack_tree *tree, const char *path, int flags);
int unpack_directory(struct unpack_tree *tree, const char *path, int make);
int unpack_parent(struct unpack_tree *tree, const char *path, int make, const char **base);
/* Must be called before a directory or symlink is removed: a cached path may lead through it. */
void unpack_forget_parents(struct unpack_tree *tree);
void unpack_retire(struct unpack_tree *tree, int fd);
/* An existing directory is fine; a whiteout is replaced by an opaque directory; anything else only with `replace`. */
int unpack_make_directory(struct unpack_tree *tree, int parent, const char *base, uint32_t mode, int replace);
int unpack_is_whiteout(const struct stat *st);
int unpack_mark_opaque(int parent, const char *base);

#endif
