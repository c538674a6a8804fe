/* Directories: made, listed, compared, removed. */
#pragma once

/* Makes the missing directories of a path, for this user alone. 0, negative errno. */
int directory_make(const char *path);

/* The same for what an absolute path lies in. */
int directory_make_parents(const char *path);

/* Locks a directory of this user, as flock(2) does with `operation`. A descriptor, which has the lock;
 * -ENOENT: there is none, or another process has removed it before the lock; -EPERM: it is another user's;
 * other negative errno. */
int directory_lock(const char *path, int operation);

/* Removes a directory and the files in it, unless it has subdirectories. */
void directory_remove(const char *path);

/* The names in a directory, without those that begin with a dot; none if it does not exist. */
int directory_list(const char *path, char ***ret);

/* Removes a directory of files and of directories of files, which is all that a generator makes. */
int directory_remove_tree(const char *path, unsigned depth);

/* 1 if both directories have the same files with the same content. */
int directory_is_same(const char *a, const char *b);
