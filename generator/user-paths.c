/* A guest may do with a shared directory what this user may, and read all of it. So nothing is
 * shared from which this user's session takes orders, and no secrets: that is what the hidden directories of
 * a home are for, and no list of them is complete. So all of them are refused, and the user opens single
 * ones by name (AllowHidden=); those below stay closed even then. Outside of the home a guest gets what lies
 * on a file system that keeps files, but for the system's own directories.
 *
 * The same for read-only shares: a secret is a secret. */

#include "generator/user-paths.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/strjoin.h"
#include "common/strv.h"

#define HOLDS_PROGRAMS "holds programs that you run"
#define HOLDS_KEYS "holds your keys"
#define HOLDS_PASSWORDS "holds your passwords"

#define HOLDS_SYSTEM "holds the system"

/* Below the home directory, by the names that programs look for. */
static const char *const places[][2] = {
        { ".config", "holds configuration of your session, which a guest could change" },
        { ".ssh", HOLDS_KEYS },
        { ".gnupg", HOLDS_KEYS },
        { ".pki", HOLDS_KEYS },
        { ".password-store", HOLDS_PASSWORDS },
        { ".local/share/keyrings", HOLDS_PASSWORDS },
        { ".local/share/kwalletd", HOLDS_PASSWORDS },
        { ".local/bin", HOLDS_PROGRAMS },
        { "bin", HOLDS_PROGRAMS },
        { "go/bin", HOLDS_PROGRAMS },
        { ".cargo/bin", HOLDS_PROGRAMS },
        { ".npm-global", HOLDS_PROGRAMS },
        { ".local/lib", "holds modules that programs of yours load" },
        { ".local/share/applications", "holds programs that your desktop starts" },
        { ".local/share/systemd", "holds units that your session runs" },
        { ".local/share/dbus-1", "holds services that your session runs" },
        { ".claude/settings.json", "holds the settings of your own Claude Code, and hooks that it runs" },
        { ".claude/.credentials.json", "holds the login of your own Claude Code" },
        /* not hidden, but what hidden directories are elsewhere */
        { "snap", "holds settings of your programs" },
};

/* Outside of the home, with all that is in it. */
static const char *const system_trees[][2] = {
        { "/boot", HOLDS_SYSTEM },
        { "/dev", "holds devices" },
        { "/etc", HOLDS_SYSTEM },
        { "/home/linuxbrew", HOLDS_PROGRAMS },
        { "/nix/var", HOLDS_PROGRAMS },
        { "/proc", "is the kernel's" },
        { "/root", "is root's home" },
        { "/sys", "is the kernel's" },
        { "/var/lib", HOLDS_SYSTEM },
        { "/var/spool", HOLDS_SYSTEM },
};

/* These themselves, and what contains them: below them may be a user's. */
static const char *const system_directories[][2] = {
        { "/home", "holds the homes of users" },
        { "/run/user", "holds the sockets of sessions" },
        { "/tmp", "is everybody's" },
        { "/usr/local", HOLDS_SYSTEM },
        { "/var/tmp", "is everybody's" },
};

/* Programs of the system and what they load. */
static const char *const usr_exceptions[] = { "/usr/local/src", "/usr/src" };

/* File systems that keep no files: what is written there is an order to the kernel. */
static const unsigned long pseudo_file_systems[] = { AUTOFS_SUPER_MAGIC, BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC,
        CGROUP_SUPER_MAGIC, DEBUGFS_MAGIC, DEVPTS_SUPER_MAGIC, EFIVARFS_MAGIC, HUGETLBFS_MAGIC, NSFS_MAGIC,
        PROC_SUPER_MAGIC, PSTOREFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC, SYSFS_MAGIC,
        TRACEFS_MAGIC, BINFMTFS_MAGIC,
        /* in no header for programs: configfs, mqueue, fusectl */
        0x62656570, 0x19800202, 0x65735543 };

/* The path without links. A link in it was made by the user, or a guest could not have made it: this is for
 * places that no guest gets. */
static char *resolve_own(const UserPaths *paths, const char *path) {
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
        *ret = path ? resolve_own(paths, path) : NULL;
        return *ret ? 0 : -ENOMEM;
}

int user_paths_protect(UserPaths *paths, const char *path, const char *why) {
        _cleanup_free_ char *canonical = resolve_own(paths, path);

        if (!canonical || strv_append(&paths->protected, canonical) < 0)
                return -ENOMEM;
        return strv_append(&paths->protected, why);
}

static int protect_places(UserPaths *paths) {
        _cleanup_free_ char *cache = NULL;
        int r = user_paths_protect(paths, paths->config_home, places[0][1]);

        if (r >= 0)
                r = from_environment(paths, "XDG_CACHE_HOME", "/.cache", "/claude-microvm", &cache);
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
        paths->home = resolve_own(paths, home);
        paths->walker->home = paths->home;
        if (runtime && runtime[0] == '/')
                paths->runtime_dir = resolve_own(paths, runtime);
        if (!paths->home || (runtime && runtime[0] == '/' && !paths->runtime_dir) ||
                        from_environment(paths, "XDG_CONFIG_HOME", "/.config", "", &paths->config_home) <
                                        0 ||
                        from_environment(paths, "XDG_DATA_HOME", "/.local/share", "/claude-microvm",
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
        walker_free(paths->walker);
        walker_free(paths->own_walker);
        *paths = (UserPaths) {};
}

int user_paths_resolve(const UserPaths *paths, const char *path, PathPlace *ret) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, paths->home);
        int r;

        if (paths->walker)
                return path_walk(paths->walker, path, ret);
        r = path_walk(&walker, path, ret);
        path_walker_done(&walker);
        return r;
}

static bool overlaps(const char *a, const char *b) {
        return path_is_in(a, b) || path_is_in(b, a);
}

static const char *protected_reason(const UserPaths *paths, const char *path) {
        for (size_t i = 0; paths->protected && paths->protected[i]; i += 2)
                if (overlaps(path, paths->protected[i]))
                        return paths->protected[i + 1];
        return NULL;
}

/* What is below the home and begins with a dot, or NULL. */
static const char *hidden_part(const UserPaths *paths, const char *path) {
        size_t n = strlen(paths->home);

        return path_is_in(path, paths->home) && path[n] == '/' && path[n + 1] == '.' ? path + n + 1 : NULL;
}

/* DATA/NAME: where the default homes of agents are, and the guest images beside them. */
static bool is_default_home(const UserPaths *paths, const char *path) {
        size_t n = strlen(paths->data_home);

        return path_is_in(path, paths->data_home) && path[n] == '/' && !strchr(path + n + 1, '/') &&
                        strcmp(path + n, "/guests") != 0;
}

static const char *find_tree(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(system_trees); i++)
                if (overlaps(path, system_trees[i][0]))
                        return system_trees[i][1];
        for (size_t i = 0; i < ELEMENTSOF(system_directories); i++)
                if (path_is_in(system_directories[i][0], path))
                        return system_directories[i][1];
        for (size_t i = 0; i < ELEMENTSOF(usr_exceptions); i++)
                if (path_is_in(path, usr_exceptions[i]))
                        return NULL;
        return overlaps(path, "/usr") ? HOLDS_SYSTEM : NULL;
}

static bool is_pseudo(unsigned long type) {
        for (size_t i = 0; i < ELEMENTSOF(pseudo_file_systems); i++)
                if (pseudo_file_systems[i] == type)
                        return true;
        return false;
}

/* Of the directory itself, or of what exists above it. */
static const char *refused_by_kind(const PathPlace *place, bool is_in_home) {
        struct statfs fs;
        struct stat st;

        if (place->fd < 0 || fstatfs(place->fd, &fs) < 0 || fstat(place->fd, &st) < 0)
                return NULL;
        if (is_pseudo((unsigned long) fs.f_type))
                return "lies on a file system of the kernel's, not of files";
        if (is_in_home)
                return NULL;
        /* but a disk that is mounted there is one like any other */
        if (path_is_in(place->path, "/run") &&
                        (fs.f_type == TMPFS_MAGIC || strcmp(place->path, "/run") == 0))
                return "holds what the system keeps while it runs";
        if (place->error == 0 && st.st_mode & S_ISVTX && st.st_mode & S_IWOTH)
                return "can be written by every user: take a directory in it";
        return NULL;
}

const char *user_paths_refused(const UserPaths *paths, const PathPlace *place, bool is_agent_home) {
        const char *path = place->path, *why;
        bool is_in_home = path_is_in(path, paths->home);

        if (path_is_in(paths->home, path))
                return "is your home directory or contains it: a guest could change what your session runs";
        why = protected_reason(paths, path);
        if (why)
                return why;
        if (is_agent_home && is_default_home(paths, path))
                return NULL;
        if (overlaps(path, paths->data_home))
                return "holds guest images and the homes of agents";
        why = is_in_home ? NULL : find_tree(path);
        return why ?: refused_by_kind(place, is_in_home);
}

bool user_paths_is_hidden(const UserPaths *paths, const char *path) {
        return hidden_part(paths, path) && !is_default_home(paths, path);
}

const char *user_paths_stays_closed(const UserPaths *paths, const char *path) {
        const char *why = protected_reason(paths, path);

        if (why)
                return why;
        if (overlaps(path, paths->data_home))
                return "holds guest images and the homes of agents";
        return hidden_part(paths, path) ? NULL : "is not a hidden directory of your home, like ~/.dotfiles";
}
