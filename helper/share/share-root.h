/* The directory that a virtiofsd is to serve, safe from guests that may rename directories on the way to it.
 */
#pragma once

#include <stdbool.h>

/* Opens `path` without following a link anywhere on it; with `create`, makes what is missing (0700). An
 * O_PATH descriptor; -ELOOP: a part of it is a link; other negative errno. */
int share_root_open(const char *path, bool create);

/* Opens `path` and binds it to the directory `point`, which is made if it is missing, in a mount namespace
 * of this process's own: what is done to the path from now on changes nothing here. 0; -ELOOP as above;
 * -EUSERS: this user may not have namespaces of its own; other negative errno. */
int share_root_bind(const char *path, bool create, const char *point);
