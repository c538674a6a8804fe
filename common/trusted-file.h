/* A file that orders programs of ours about: whose it must be is said here once. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define TRUSTED_FILE_WHY_MAX 128

/* Reads the file `name` below `dir_fd`: a regular file of this user's or root's that no other user can
 * write, of at most `max` bytes, and no symbolic link. 0 and an owned text of `ret_size` bytes, with a NUL
 * after it and its owner in `ret_owner`. 1: it is empty or a link to /dev/null, which masks the name.
 * -ENOENT: there is none; -ENOMEM; other negative errno with a sentence without a subject in `ret_why`. */
int trusted_file_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_size,
                uid_t *ret_owner, char ret_why[static TRUSTED_FILE_WHY_MAX]);
