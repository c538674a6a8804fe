#include "generator/user-paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"

char *user_paths_resolve_own(const UserPaths *paths, const char *path) {
        PathPlace place;
        char *canonical;
        int r = path_walk(paths->own_walker, path, &place);

        canonical = strdup(r < 0 ? path : place.path);
        path_place_done(&place);
        return canonical;
}

static int from_environment(const UserPaths *paths, const char *variable, const char *below,
                const char *suffix, char **ret) {
        const char *value = getenv(variable);
        _cleanup_free_ char *path = NULL;

        /* the XDG specification: a relative path is to be ignored */
        if (value && value[0] == '/')
                path = strjoin(value, suffix, NULL);
        else
                path = strjoin(paths->home, below, suffix, NULL);
        *ret = path ? user_paths_resolve_own(paths, path) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static PathWalker *walker_new(PathLinks links) {
        PathWalker *walker = malloc(sizeof(PathWalker));

        if (walker)
                *walker = PATH_WALKER(links, NULL);
        return walker;
}

static void walker_free(PathWalker *walker) {
        if (walker)
                path_walker_done(walker);
        free(walker);
}

int user_paths_init(UserPaths *paths) {
        const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");

        *paths = (UserPaths) {};
        if (!home || home[0] != '/')
                return -ENOENT;

        paths->walker = walker_new(PATH_LINKS_TRUSTED);
        paths->own_walker = walker_new(PATH_LINKS_ALL);
        if (!paths->walker || !paths->own_walker) {
                user_paths_done(paths);
                return -ENOMEM;
        }
        paths->home = user_paths_resolve_own(paths, home);
        paths->walker->home = paths->home;
        if (runtime && runtime[0] == '/')
                paths->runtime_dir = user_paths_resolve_own(paths, runtime);
        if (!paths->home || (runtime && runtime[0] == '/' && !paths->runtime_dir) ||
                        from_environment(paths, "XDG_CONFIG_HOME", "/.config", "", &paths->config_home) <
                                        0 ||
                        from_environment(paths, "XDG_DATA_HOME", "/.local/share", "/claude-microvm",
                                        &paths->data_home) < 0 ||
                        from_environment(paths, "XDG_CACHE_HOME", "/.cache", "/claude-microvm",
                                        &paths->cache_home) < 0 ||
                        from_environment(paths, "XDG_STATE_HOME", "/.local/state", "/claude-microvm",
                                        &paths->state_home) < 0) {
                user_paths_done(paths);
                return -ENOMEM;
        }
        return 0;
}

void user_paths_done(UserPaths *paths) {
        free(paths->home);
        free(paths->config_home);
        free(paths->data_home);
        free(paths->cache_home);
        free(paths->state_home);
        free(paths->runtime_dir);
        strv_free(paths->closed);
        strv_free(paths->agent_configs);
        walker_free(paths->walker);
        walker_free(paths->own_walker);
        *paths = (UserPaths) {};
}

/* A walker is large, and the one that stays is there for each path of each ini. */
__attribute__((noinline)) static int resolve_alone(
                const UserPaths *paths, const char *path, PathPlace *ret) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, paths->home);
        int r = path_walk(&walker, path, ret);

        path_walker_done(&walker);
        return r;
}

int user_paths_resolve(const UserPaths *paths, const char *path, PathPlace *ret) {
        return paths->walker ? path_walk(paths->walker, path, ret) : resolve_alone(paths, path, ret);
}
