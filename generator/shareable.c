/* A guest may do with a shared directory what this user may, and read all of it. So nothing is
 * shared from which this user's session takes orders, and no secrets: that is what the hidden directories of
 * a home are for, and no list of them is complete. So all of them are refused, and the user opens single
 * ones by name (AllowHidden=); those below stay closed even then. Outside of the home a guest gets what lies
 * on a file system that keeps files, but for the system's own directories.
 *
 * The same for read-only shares: a secret is a secret. */

#include "generator/shareable.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/cleanup.h"
#include "common/disk-name.h"
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

int shareable_close(UserPaths *paths, const char *path, const char *why) {
        _cleanup_free_ char *canonical = user_paths_resolve_own(paths, path);

        if (!canonical || strv_append(&paths->closed, canonical) < 0)
                return -ENOMEM;
        return strv_append(&paths->closed, why);
}

int shareable_close_places(UserPaths *paths) {
        int r = shareable_close(paths, paths->config_home, places[0][1]);

        if (r >= 0)
                r = shareable_close(paths, paths->cache_home,
                                "holds the dev shells, which only the host may write");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = strjoin(paths->home, "/", places[i][0], NULL);

                r = path ? shareable_close(paths, path, places[i][1]) : -ENOMEM;
        }
        if (r >= 0)
                r = shareable_close(paths, paths->state_home, "holds the memory of suspended VMs");
        if (r >= 0 && paths->runtime_dir)
                r = shareable_close(paths, paths->runtime_dir, "holds the sockets of your session");
        return r;
}

static bool overlaps(const char *a, const char *b) {
        return path_is_in(a, b) || path_is_in(b, a);
}

static const char *closed_reason(const UserPaths *paths, const char *path) {
        for (size_t i = 0; paths->closed && paths->closed[i]; i += 2)
                if (overlaps(path, paths->closed[i]))
                        return paths->closed[i + 1];
        return NULL;
}

/* What is below the home and begins with a dot, or NULL. */
static const char *hidden_part(const UserPaths *paths, const char *path) {
        size_t n = strlen(paths->home);

        return path_is_in(path, paths->home) && path[n] == '/' && path[n + 1] == '.' ? path + n + 1 : NULL;
}

/* DATA/NAME: where the default homes of agents are, and the guest images, disks and copies of work
 * directories beside them. */
static bool is_default_home(const UserPaths *paths, const char *path) {
        size_t n = strlen(paths->data_home);

        return path_is_in(path, paths->data_home) && path[n] == '/' && !strchr(path + n + 1, '/') &&
                        strcmp(path + n, "/guests") != 0 && strcmp(path + n, "/copies") != 0 &&
                        strcmp(path + n, "/" DISK_DIRECTORY) != 0;
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
        /* Programs trust the sticky bit and keep files and sockets of theirs there. Without it the mode says
         * little: on a disk of Windows' each directory is everybody's. */
        if (place->error == 0 && st.st_mode & S_ISVTX && st.st_mode & S_IWOTH)
                return "can be written by every user: take a directory in it";
        return NULL;
}

const char *shareable_refused(const UserPaths *paths, const PathPlace *place, bool is_agent_home) {
        const char *path = place->path, *why;
        bool is_in_home = path_is_in(path, paths->home);

        if (path_is_in(paths->home, path))
                return "is your home directory or contains it: a guest could change what your session runs";
        why = closed_reason(paths, path);
        if (why)
                return why;
        if (is_agent_home && is_default_home(paths, path))
                return NULL;
        if (overlaps(path, paths->data_home))
                return "holds guest images and the homes of agents";
        why = is_in_home ? NULL : find_tree(path);
        return why ?: refused_by_kind(place, is_in_home);
}

bool shareable_is_hidden(const UserPaths *paths, const char *path) {
        return hidden_part(paths, path) && !is_default_home(paths, path);
}

const char *shareable_stays_closed(const UserPaths *paths, const char *path) {
        const char *why = closed_reason(paths, path);

        if (why)
                return why;
        if (overlaps(path, paths->data_home))
                return "holds guest images and the homes of agents";
        return hidden_part(paths, path) ? NULL : "is not a hidden directory of your home, like ~/.dotfiles";
}
