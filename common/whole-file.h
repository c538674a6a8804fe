/* Files that fit into memory, read and written whole. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Reads `path`, which may have `max` bytes, and ends it with NUL. 0 and an owned text; -EFBIG if it is
 * larger, -EINVAL if it has a NUL byte itself; other negative errno. */
int whole_file_read(const char *path, size_t max, char **ret);

/* The same for a file of a directory that others may write to: -ELOOP if `name` is a symbolic link, -ENOTSUP
 * if it is not a regular file. */
int whole_file_read_at(int dir_fd, const char *name, size_t max, char **ret);

/* Reads an open file to its end, or `max` bytes of it: one that grows meanwhile is cut, not followed. 0 and
 * an owned text of `ret_size` bytes, with a NUL after it; negative errno. */
int whole_file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Makes `path` with this content. -EEXIST if there is one; other negative errno. */
int whole_file_create(const char *path, mode_t mode, const void *content, size_t size);
