/* Beside CLAUDE.md and skills lie logins and histories, so virtiofsd is not given the directory: its root is
 * an empty file system in memory, with a mount of each name that a guest may see.
 *
 * Programs that manage dot files make such names links, and links would lead a guest to places of its own.
 * So they are followed here, when the share starts, by the rule of common/path-walk.c; in the directory
 * itself they count as well, since no guest may ever write to it (generator/user-config.c). A directory that
 * has such links in it is put together from its entries; one that has none is one mount, and what changes in
 * it the guest sees at once. A relative link that stays in its directory is right in the guest as it is.
 *
 * Repositories (.git) are left out: a marketplace is a clone, whose configuration may hold a password. */

#include "helper/share/user-config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/path.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "helper/sandbox/mount-namespace.h"

#define ENTRIES_MAX 65536U /* that are looked at: plugins bring node_modules */
#define DEPTH_MAX 64U      /* of directories */
#define LINKS_MAX 4U       /* a link that leads to links */

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- the directory --------------------------------------------------------------------- */

static int find_home(char ret[static PATH_MAX]) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_ALL, NULL);
        PathPlace place;
        int r = path_walk(&walker, getenv("HOME") ?: "/", &place);

        path_walker_done(&walker);
        if (r < 0)
                return r;
        path_place_done(&place);
        strcpy(ret, place.path);
        return 0;
}

/* ~/.NAME, which only the user writes. Elsewhere a guest of a project may be at work. */
static bool is_private(const UserConfigDirectory *d) {
        size_t n = strlen(d->home);

        return path_is_in(d->path, d->home) && strncmp(d->path + n, "/.", 2) == 0 &&
                        !strchr(d->path + n + 1, '/');
}

int user_config_open(const char *directory, UserConfigDirectory *ret) {
        PathPlace place;
        int r = find_home(ret->home);

        if (r < 0)
                return r;
        ret->walker = PATH_WALKER(PATH_LINKS_TRUSTED, ret->home);
        r = path_walk(&ret->walker, directory, &place);
        if (r >= 0) {
                path_place_done(&place);
                r = place.error;
        }
        if (r < 0) {
                path_walker_done(&ret->walker);
                return r;
        }
        strcpy(ret->path, place.path);
        if (is_private(ret))
                ret->walker.tree = ret->path;
        return 0;
}

void user_config_done(UserConfigDirectory *directory) {
        path_walker_done(&directory->walker);
}

/* True if the walk has ended at something that is no directory, in `place->fd`. */
static bool is_file(const PathPlace *place) {
        return place->error == -ENOTDIR && place->existing == strlen(place->path);
}

int user_config_read(UserConfigDirectory *directory, const char *name, size_t max, char **ret) {
        _cleanup_free_ char *path = strjoin(directory->path, "/", name, NULL);
        PathPlace place;
        int r = path ? path_walk(&directory->walker, path, &place) : -ENOMEM;

        if (r < 0)
                return r;
        r = is_file(&place) ? whole_file_read_at(place.fd, strrchr(place.path, '/') + 1, max, ret)
                            : -ENODATA;
        path_place_done(&place);
        return r;
}

/* --- what of it a guest sees ----------------------------------------------------------- */

typedef struct Mirror {
        UserConfigDirectory directory;
        const char *names;
        char **notes;
        unsigned n_entries, n_links; /* looked at; followed on the way to where we are */
} Mirror;

static int add_entry(Mirror *m, const char *path, const char *target);
static int add_directory(Mirror *m, int fd, const char *path, const char *target, unsigned depth);

static int note(Mirror *m, const char *path, const char *why) {
        return strv_appendf(&m->notes, "'%s' %s", path, why);
}

/* Returns true for a link that leads to the same place in the guest: one that does not leave what is shown
 * around it, `depth` directories above. */
static bool stays_inside(const char *target, unsigned depth) {
        size_t n;

        if (target[0] == '/')
                return false;
        for (; *target; target += n + (target[n] == '/')) {
                n = strcspn(target, "/");
                if (n == 2 && strncmp(target, "..", 2) == 0) {
                        if (depth-- == 0)
                                return false;
                } else if (n > 0 && !(n == 1 && target[0] == '.'))
                        depth++;
        }
        return true;
}

static mode_t type_of(int dir, const char *name) {
        struct stat st;

        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mode & S_IFMT;
}

/* Reads a link's target if that may stay as it is. */
static bool is_inner_link(int dir, const char *name, unsigned depth, char ret[static PATH_MAX]) {
        ssize_t n = readlinkat(dir, name, ret, PATH_MAX - 1);

        ret[n > 0 ? n : 0] = '\0';
        return n > 0 && stays_inside(ret, depth);
}

/* The next entry; NULL at the end, or when there are too many. */
static const char *next_entry(Mirror *m, DIR *d) {
        const struct dirent *entry;

        do
                entry = m->n_entries < ENTRIES_MAX ? readdir(d) : NULL;
        while (entry && path_is_dots(entry->d_name));
        m->n_entries += entry != NULL;
        return entry ? entry->d_name : NULL;
}

static DIR *open_list(int dir, const char *name) {
        int fd = openat(dir, name, OPEN_DIRECTORY);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        if (fd >= 0 && !d)
                close(fd);
        return d;
}

static bool is_whole(Mirror *m, int fd, unsigned depth);

static bool is_whole_entry(Mirror *m, int dir, const char *name, unsigned depth) {
        char target[PATH_MAX];
        _cleanup_close_ int fd = -EBADF;

        switch (type_of(dir, name)) {
        case S_IFLNK:
                return is_inner_link(dir, name, depth, target);
        case S_IFDIR:
                fd = depth < DEPTH_MAX && strcmp(name, ".git") != 0 ? openat(dir, name, OPEN_DIRECTORY)
                                                                    : -EBADF;
                return fd >= 0 && is_whole(m, fd, depth + 1);
        default:
                return strcmp(name, ".git") != 0;
        }
}

/* True if all that is in the directory may be seen as it is. */
static bool is_whole(Mirror *m, int fd, unsigned depth) {
        _cleanup_closedir_ DIR *d = open_list(fd, ".");
        const char *name;
        bool whole = d;

        while (whole && (name = next_entry(m, d)))
                whole = is_whole_entry(m, fd, name, depth);
        /* what nobody has looked at may be anything */
        return whole && m->n_entries < ENTRIES_MAX;
}

static int add_file(int dir, const char *name, const char *target) {
        _cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 0;
        r = whole_file_create(target, 0600, "", 0);
        return r < 0 ? r : mount_namespace_bind_read_only(fd, target);
}

static int add_subdirectory(
                Mirror *m, int dir, const char *name, const char *path, const char *target, unsigned depth) {
        _cleanup_close_ int fd = depth < DEPTH_MAX ? openat(dir, name, OPEN_DIRECTORY) : -EBADF;

        return fd < 0 ? note(m, path, "cannot be opened") : add_directory(m, fd, path, target, depth + 1);
}

/* Of a directory that is put together. */
static int add_part(Mirror *m, int dir, const char *name, const char *dir_path, const char *dir_target,
                unsigned depth) {
        _cleanup_free_ char *path = strjoin(dir_path, "/", name, NULL),
                            *target = strjoin(dir_target, "/", name, NULL);
        char link[PATH_MAX];

        if (!path || !target)
                return -ENOMEM;
        if (strcmp(name, ".git") == 0)
                return 0;
        switch (type_of(dir, name)) {
        case S_IFDIR:
                return add_subdirectory(m, dir, name, path, target, depth);
        case S_IFLNK:
                if (is_inner_link(dir, name, depth, link))
                        return symlink(link, target) < 0 ? -errno : 0;
                return add_entry(m, path, target);
        default:
                return add_file(dir, name, target);
        }
}

static int add_parts(Mirror *m, int fd, const char *path, const char *target, unsigned depth) {
        _cleanup_closedir_ DIR *d = open_list(fd, ".");
        const char *name;
        int r = d ? 0 : note(m, path, "cannot be read");

        while (d && r >= 0 && (name = next_entry(m, d)))
                r = add_part(m, fd, name, path, target, depth);
        return r;
}

/* `depth`: how far it is below what a name or a link has led to. */
static int add_directory(Mirror *m, int fd, const char *path, const char *target, unsigned depth) {
        if (mkdir(target, 0700) < 0)
                return -errno;
        if (is_whole(m, fd, depth))
                return mount_namespace_bind_read_only(fd, target);
        return add_parts(m, fd, path, target, depth);
}

/* Returns true for what no link may show: the directory itself, what it lies in, and what in it has no name
 * here. */
static bool is_closed(const Mirror *m, const char *path) {
        const char *directory = m->directory.path, *words = m->names;
        bool named = false;

        for (size_t n; !named && (n = setting_next_word(&words)) > 0; words += n) {
                _cleanup_free_ char *word = strndup(words, n),
                                    *place = word ? strjoin(directory, "/", word, NULL) : NULL;

                named = place && path_is_in(path, place);
        }
        return path_is_in(directory, path) || (path_is_in(path, directory) && !named);
}

static int add_place(Mirror *m, const PathPlace *place, const char *path, const char *target) {
        _cleanup_close_ int fd = -EBADF;

        if (is_closed(m, place->path))
                return note(m, path, "leads to what no guest may see");
        if (is_file(place))
                return add_file(place->fd, strrchr(place->path, '/') + 1, target);
        if (place->error < 0)
                return place->error == -ENOENT ? 0 : note(m, path, "cannot be opened");
        fd = openat(place->fd, ".", OPEN_DIRECTORY);
        return fd < 0 ? note(m, path, "cannot be opened") : add_directory(m, fd, place->path, target, 0);
}

/* A name of the table, or a link below one. */
static int add_entry(Mirror *m, const char *path, const char *target) {
        PathPlace place;
        int r = m->n_links < LINKS_MAX ? path_walk(&m->directory.walker, path, &place) : -ELOOP;

        if (r == -ELOOP)
                return note(m, path,
                                "is or leads through a symbolic link that the guest of a VM could have made");
        if (r < 0)
                return note(m, path, strerror(-r));
        m->n_links++;
        r = add_place(m, &place, path, target);
        m->n_links--;
        path_place_done(&place);
        return r;
}

static int add_names(Mirror *m, const char *point) {
        const char *words = m->names;
        int r = 0;

        for (size_t n; r >= 0 && (n = setting_next_word(&words)) > 0; words += n) {
                _cleanup_free_ char *word = strndup(words, n),
                                    *path = word ? strjoin(m->directory.path, "/", word, NULL) : NULL,
                                    *target = word ? strjoin(point, "/", word, NULL) : NULL;

                r = path && target ? directory_make_parents(target) : -ENOMEM;
                if (r >= 0)
                        r = add_entry(m, path, target);
        }
        if (r >= 0 && m->n_entries >= ENTRIES_MAX)
                r = note(m, m->directory.path, "has too many files, so some are left out");
        return r;
}

static int mount_memory(const char *point) {
        if (mkdir(point, 0700) < 0 && errno != EEXIST)
                return -errno;
        return mount("tmpfs", point, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=1m") < 0
                        ? -errno
                        : 0;
}

static int close_memory(const char *point) {
        return mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                               NULL) < 0
                        ? -errno
                        : 0;
}

int user_config_bind(const char *directory, const char *names, const char *point, char ***ret_notes) {
        Mirror m = { .names = names };
        int r = mount_namespace_enter();

        if (r >= 0)
                r = mount_memory(point);
        if (r < 0)
                return r;
        /* opened here: only what this namespace has opened can be mounted in it */
        r = user_config_open(directory, &m.directory);
        if (r < 0)
                return r;
        r = add_names(&m, point);
        user_config_done(&m.directory);
        if (r >= 0)
                r = close_memory(point);
        if (r < 0)
                m.notes = strv_free(m.notes);
        else
                *ret_notes = m.notes;
        return r;
}
