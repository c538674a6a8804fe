/* The directory in which an agent of the host has its configuration, of which a guest sees some names. */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "common/path-walk.h"

typedef struct UserConfigDirectory {
        char home[PATH_MAX], path[PATH_MAX]; /* without links */
        PathWalker walker;                   /* borrows both, so this must not be copied */
} UserConfigDirectory;

/* Finds the directory; links that no guest can have made count. 0; -ENOENT, -ENOTDIR; -ELOOP: a link does
 * not count; other negative errno. */
int user_config_open(const char *directory, UserConfigDirectory *ret);

void user_config_done(UserConfigDirectory *directory);

/* Reads a file of it by the same rule. 0 and an owned text; -ENODATA: there is none; other negative errno.
 */
int user_config_read(UserConfigDirectory *directory, const char *name, size_t max, char **ret);

/* Enters a mount namespace of this process's own and makes `point` a file system in it that shows,
 * read-only, what of `names` (with blanks between) there is in the directory. `ret_notes` gets owned
 * sentences about what was left out, or NULL. 0; -EUSERS: this user may not have namespaces; other negative
 * errno. */
int user_config_bind(const char *directory, const char *names, const char *point, char ***ret_notes);
