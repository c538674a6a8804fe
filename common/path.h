/* Paths as texts. */
#pragma once

#include <stdbool.h>

/* True if `path` is `ancestor` or lies in it. Both absolute, without superfluous slashes. */
bool path_is_in(const char *path, const char *ancestor);

/* One of the XDG directories: what `variable` says if that is absolute, else `below` ("/.cache") in $HOME.
 * Owned; NULL: no memory. */
char *path_xdg(const char *variable, const char *below);
