/* Paths as texts. */
#pragma once

#include <stdbool.h>

/* True if `path` is `ancestor` or lies in it. Both absolute, without superfluous slashes. */
bool path_is_in(const char *path, const char *ancestor);

/* True for `.` and `..`, which each directory has. */
bool path_is_dots(const char *name);

/* `name` in `directory`, a path below some root, which itself is "". Owned; NULL: no memory. */
char *path_below(const char *directory, const char *name);

/* One of the XDG directories: what `variable` says if that is absolute, else `below` ("/.cache") in $HOME.
 * Owned; NULL: no memory. */
char *path_xdg(const char *variable, const char *below);
