/* Where things of the user are, and which directories no guest may have. */
#pragma once

#include <stdbool.h>

#include "common/path-walk.h"

/* Where things of this user are. All absolute, without links as far as they exist, owned. */
typedef struct UserPaths {
        char *home;             /* $HOME */
        char *config_home;      /* $XDG_CONFIG_HOME or ~/.config */
        char *data_home;        /* $XDG_DATA_HOME or ~/.local/share, and /claude-microvm */
        char *runtime_dir;      /* $XDG_RUNTIME_DIR; NULL if there is none */
        char **protected;       /* pairs: a place, and the reason why no guest may have it */
        PathWalker *walker;     /* for what an ini names; NULL: each walk begins at the root */
        PathWalker *own_walker; /* for the places above, where every link counts */
} UserPaths;

/* From the environment. 0, -ENOMEM, or -ENOENT without an absolute $HOME. */
int user_paths_init(UserPaths *paths);

/* Adds a directory that no guest may have; `why` completes a sentence that begins with its path. 0, -ENOMEM.
 */
int user_paths_protect(UserPaths *paths, const char *path, const char *why);
void user_paths_done(UserPaths *paths);

/* Walks a path of an ini, see path_walk(): links that a guest can have made do not count. */
int user_paths_resolve(const UserPaths *paths, const char *path, PathPlace *ret);

/* The reason why a guest must never get the directory at `place`, or NULL. The home of an agent may lie in
 * our own data directory, where the default ones are. The result is borrowed. */
const char *user_paths_refused(const UserPaths *paths, const PathPlace *place, bool is_agent_home);

/* True if the canonical `path` lies in a hidden directory of the home, which the user must open by name
 * first. The default homes of agents do not count. */
bool user_paths_is_hidden(const UserPaths *paths, const char *path);

/* The reason why AllowHidden= cannot open the parsed `path`, or NULL. Borrowed. */
const char *user_paths_stays_closed(const UserPaths *paths, const char *path);
