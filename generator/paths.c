/* A guest may do with a shared directory what this user may. So nothing is shared
 * from which this user's session takes orders: configuration, keys, programs, sockets,
 * other VMs' state. */

#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "strjoin.h"
#include "strv.h"

/* Below the home directory, by the names that programs look for. */
static const char *const places[][2] = {
        { ".config", "holds configuration of your session, which a guest could change" },
        { ".ssh", "holds your keys" },
        { ".gnupg", "holds your keys" },
        { ".local/bin", "holds programs that you run" },
        { "bin", "holds programs that you run" },
        { ".local/share/systemd", "holds units that your session runs" },
        { ".local/share/dbus-1", "holds services that your session runs" },
};

static int from_environment(
                const char *variable, const char *home, const char *below, const char *suffix, char **ret) {
        const char *value = getenv(variable);
        _cleanup_free_ char *path = NULL;

        /* the XDG specification: a relative path is to be ignored */
        if (value && value[0] == '/')
                path = strjoin(value, suffix, NULL);
        else
                path = strjoin(home, below, suffix, NULL);
        *ret = path ? path_canonical(path) : NULL;
        return *ret ? 0 : -ENOMEM;
}

int user_paths_protect(UserPaths *paths, const char *path, const char *why) {
        _cleanup_free_ char *canonical = path_canonical(path);

        if (!canonical || strv_append(&paths->protected, canonical) < 0)
                return -ENOMEM;
        return strv_append(&paths->protected, why);
}

static int protect_places(UserPaths *paths) {
        _cleanup_free_ char *cache = NULL;
        int r = user_paths_protect(paths, paths->config_home, places[0][1]);

        if (r >= 0)
                r = from_environment("XDG_CACHE_HOME", paths->home, "/.cache", "/claude-microvm", &cache);
        if (r >= 0)
                r = user_paths_protect(paths, cache, "holds the dev shells, which only the host may write");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = strjoin(paths->home, "/", places[i][0], NULL);

                r = path ? user_paths_protect(paths, path, places[i][1]) : -ENOMEM;
        }
        if (r >= 0 && paths->runtime_dir)
                r = user_paths_protect(paths, paths->runtime_dir, "holds the sockets of your session");
        return r;
}

int user_paths_init(UserPaths *paths) {
        const char *home = getenv("HOME"), *runtime = getenv("XDG_RUNTIME_DIR");

        *paths = (UserPaths) {};
        if (!home || home[0] != '/')
                return -ENOENT;

        paths->home = path_canonical(home);
        if (runtime && runtime[0] == '/')
                paths->runtime_dir = path_canonical(runtime);
        if (!paths->home || (runtime && runtime[0] == '/' && !paths->runtime_dir) ||
                        from_environment("XDG_CONFIG_HOME", paths->home, "/.config", "",
                                        &paths->config_home) < 0 ||
                        from_environment("XDG_DATA_HOME", paths->home, "/.local/share", "/claude-microvm",
                                        &paths->data_home) < 0 ||
                        protect_places(paths) < 0) {
                user_paths_done(paths);
                return -ENOMEM;
        }
        return 0;
}

void user_paths_done(UserPaths *paths) {
        free(paths->home);
        free(paths->config_home);
        free(paths->data_home);
        free(paths->runtime_dir);
        strv_free(paths->protected);
        *paths = (UserPaths) {};
}

/* Takes `//` and `/.` out, in place; -EINVAL for a `..`. */
static int normalize(char *path) {
        char *out = path;

        for (char *in = path; *in;) {
                size_t n;

                in += strspn(in, "/");
                n = strcspn(in, "/");
                if (n == 2 && memcmp(in, "..", 2) == 0)
                        return -EINVAL;
                if (n > 0 && !(n == 1 && in[0] == '.')) {
                        *out++ = '/';
                        memmove(out, in, n);
                        out += n;
                }
                in += n;
        }
        if (out == path)
                *out++ = '/';
        *out = '\0';
        return 0;
}

/* As a unit file has it, where `%` is written twice; systemd ignores a setting with a path that is too long.
 */
static size_t written_length(const char *value) {
        size_t n = strlen(value);

        for (const char *p = value; (p = strchr(p, '%')); p++)
                n++;
        return n;
}

int path_parse(const UserPaths *paths, const char *value, char **ret, const char **ret_why) {
        _cleanup_free_ char *path = NULL;
        size_t length = strlen(value);

        if (value[0] == '~' && (value[1] == '/' || value[1] == '\0')) {
                path = strjoin(paths->home, value + 1, NULL);
                if (!path)
                        return -ENOMEM;
        } else if (value[0] == '/') {
                path = malloc(length + 2);
                if (!path)
                        return -ENOMEM;
                strcpy(path, value);
        } else {
                *ret_why = strchr("\"'", value[0]) ? "is taken as it is: leave the quotes out"
                                                   : "has to be absolute or begin with '~/'";
                return -EINVAL;
        }
        if (written_length(value) >= PATH_MAX) {
                *ret_why = "is too long";
                return -EINVAL;
        }
        if (strchr(value, '\t')) {
                *ret_why = "must not contain a tab";
                return -EINVAL;
        }
        if (value[length - 1] == '\\') {
                *ret_why = "ends with a backslash, which a unit file cannot say";
                return -EINVAL;
        }
        if (normalize(path) < 0) {
                *ret_why = "must not contain '..'";
                return -EINVAL;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

/* By way of a file descriptor, which takes three calls however deep the path is. False if it does not exist.
 */
static bool resolve(const char *path, char ret[static PATH_MAX]) {
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        ssize_t n;

        if (fd < 0)
                return false;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, ret, PATH_MAX - 1);
        if (n <= 0)
                return false;
        ret[n] = '\0';
        return true;
}

/* The part that exists is resolved, the rest appended. A link to nothing is no part that exists, so it
 * stays, and is refused when the directory is opened. */
static char *canonical_part(const char *path) {
        _cleanup_free_ char *copy = strdup(path);
        char existing[PATH_MAX];
        size_t n = strlen(path);

        if (!copy)
                return NULL;
        while (n > 0 && !resolve(copy, existing)) {
                const char *slash = strrchr(copy, '/');

                n = slash ? (size_t) (slash - copy) : 0;
                copy[n] = '\0';
        }
        if (n == 0 || strcmp(existing, "/") == 0)
                existing[0] = '\0';
        return existing[0] || path[n] ? strjoin(existing, path + n, NULL) : strdup("/");
}

/* Most projects lie beside each other, so the last parent is remembered: then one call says that the
 * last component is no link. */
char *path_canonical(const char *path) {
        static char parent[PATH_MAX], canonical_parent[PATH_MAX];
        const char *name = strrchr(path, '/');
        size_t n = name ? (size_t) (name - path) : 0;
        char target[PATH_MAX];

        if (n > 0 && n < PATH_MAX && (strncmp(parent, path, n) != 0 || parent[n] != '\0')) {
                memcpy(parent, path, n);
                parent[n] = '\0';
                if (!resolve(parent, canonical_parent))
                        parent[0] = '\0';
        }
        if (n > 0 && n < PATH_MAX && parent[0] && name[1] && readlink(path, target, sizeof(target)) < 0 &&
                        (errno == EINVAL || errno == ENOENT))
                return strjoin(strcmp(canonical_parent, "/") == 0 ? "" : canonical_parent, name, NULL);
        return resolve(path, target) ? strdup(target) : canonical_part(path);
}

static bool overlaps(const char *a, const char *b) {
        return path_is_in(a, b) || path_is_in(b, a);
}

const char *path_refused(const UserPaths *paths, const char *path, int is_agent_home) {
        if (path_is_in(paths->home, path))
                return "is your home directory or contains it: a guest could change what your session runs";
        for (size_t i = 0; paths->protected && paths->protected[i]; i += 2)
                if (overlaps(path, paths->protected[i]))
                        return paths->protected[i + 1];
        if (path_is_in(paths->data_home, path) || (path_is_in(path, paths->data_home) && !is_agent_home))
                return "holds guest images and the homes of agents";
        if (path_is_in("/etc", path) || path_is_in("/usr", path) || path_is_in("/var", path))
                return "holds the system";
        return NULL;
}
