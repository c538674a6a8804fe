/* Files in a directory that a guest may write to. */
#pragma once

/* Opens the relative `path`, without `.` and `..`, below the directory `root`, whatever a guest makes of the
 * names meanwhile. Returns a descriptor; -ELOOP: a component of it is a symbolic link; other negative errno.
 */
int open_below(int root, const char *path, int flags);
