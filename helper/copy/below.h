/* Names below a directory that a guest may write to. No link on the way is followed. */
#pragma once

#include <sys/stat.h>

/* Opens the directory that has the relative `path`. A descriptor; `ret_name` is its last part, in `path`.
 * -ELOOP: a link is on the way; other negative errno. */
int below_parent(int root, const char *path, const char **ret_name);

/* What lies at `path`, which may be a link itself. 0, -ENOENT, -ENOTDIR, -ELOOP: a link is on the way; other
 * negative errno. */
int below_stat(int root, const char *path, struct stat *ret);

/* Opens a regular file to read. -ENOTSUP: it is something else; other negative errno. */
int below_open_file(int root, const char *path, struct stat *ret);
