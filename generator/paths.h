/* Directories of the host that a guest is to see: how they are spelled, and which are refused. */
#pragma once

#include "path.h"

/* Where things of this user are. All absolute, without links as far as they exist, owned. */
typedef struct UserPaths {
        char *home;        /* $HOME */
        char *config_home; /* $XDG_CONFIG_HOME or ~/.config */
        char *data_home;   /* $XDG_DATA_HOME or ~/.local/share, and /claude-microvm */
        char *runtime_dir; /* $XDG_RUNTIME_DIR; NULL if there is none */
        char **protected;  /* pairs: a directory, and the reason why no guest may have it */
} UserPaths;

/* From the environment. 0, -ENOMEM, or -ENOENT without an absolute $HOME. */
int user_paths_init(UserPaths *paths);

/* One more directory that no guest may have, because it `why`. 0, -ENOMEM. */
int user_paths_protect(UserPaths *paths, const char *path, const char *why);
void user_paths_done(UserPaths *paths);

/* Expands `~/`, refuses relative paths, `..`, tabs, a backslash at the end; takes superfluous slashes
 * away. 0 and an owned path in `ret`; -EINVAL and a borrowed sentence in `ret_why`; -ENOMEM. */
int path_parse(const UserPaths *paths, const char *value, char **ret, const char **ret_why);

/* The path without links; what of it does not exist stays as it is written. NULL: no memory. */
char *path_canonical(const char *path);

/* The reason why a guest must not get the canonical `path`, or NULL. A home of an agent may lie
 * in our own data directory, where the default ones are. The result is borrowed. */
const char *path_refused(const UserPaths *paths, const char *path, int is_agent_home);
