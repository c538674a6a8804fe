/* Where things of the user are. */
#pragma once

#include "common/path-walk.h"

/* Where things of this user are. All absolute, without links as far as they exist, owned. */
typedef struct UserPaths {
        char *home;           /* $HOME */
        char *config_home;    /* $XDG_CONFIG_HOME or ~/.config */
        char *data_home;      /* $XDG_DATA_HOME or ~/.local/share, and /claude-microvm */
        char *runtime_dir;    /* $XDG_RUNTIME_DIR; NULL if there is none */
        char *cache_home;     /* $XDG_CACHE_HOME or ~/.cache, and /claude-microvm */
        char *state_home;     /* $XDG_STATE_HOME or ~/.local/state, and /claude-microvm */
        char **closed;        /* see shareable.h; pairs: a place, and the reason why no guest may have it */
        char **agent_configs; /* where agents of the host have their configuration, see user-config.h */
        PathWalker *walker;   /* for what an ini names; NULL: each walk begins at the root */
        PathWalker *own_walker; /* for the places above, where every link counts */
} UserPaths;

/* From the environment. 0, -ENOMEM, or -ENOENT without an absolute $HOME. */
int user_paths_init(UserPaths *paths);

void user_paths_done(UserPaths *paths);

/* Walks a path of an ini, see path_walk(): links that a guest can have made do not count. */
int user_paths_resolve(const UserPaths *paths, const char *path, PathPlace *ret);

/* The path without links, for places that no guest gets: each link in it is the user's own. Owned; NULL
 * without memory. */
char *user_paths_resolve_own(const UserPaths *paths, const char *path);
