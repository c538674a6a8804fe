/* A guest may write to directories of this user's, so it can put a symbolic link wherever it
 * may write: in the place of another project's directory, say. If the host followed that link, the other
 * project's guest would get whatever it leads to. No program can tell for certain who has made a link, so
 * the directory that it lies in decides. Only root writes to root's directories, and no guest ever gets the
 * home directory itself: links in those count, and no others. /tmp is root's but every user can write it, so
 * links in it do not count.
 *
 * The walk opens one component after the other with O_NOFOLLOW, reads a link itself, and goes on from the
 * directory that it holds. Check and result are thus the same walk: nothing is looked up a second time, and
 * the canonical path is put together from the names that were opened. */

#include "common/path-walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"

#define LINKS_MAX 40U /* as many as the kernel follows */
#define DIRECTORY (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A walk on its way: `place` is how far it has come, `rest` what is left of the path. */
typedef struct Walk {
        const PathWalker *walker;
        PathPlace *place;
        char rest[PATH_MAX];
        unsigned n_links;
} Walk;

void path_place_done(PathPlace *place) {
        if (place->fd >= 0)
                close(place->fd);
        place->fd = -EBADF;
}

void path_walker_done(PathWalker *walker) {
        path_place_done(&walker->parent);
        walker->written[0] = '\0';
}

/* Takes the first component off `rest`, without its slashes. NULL: there is none left. */
static const char *next_name(char *rest, char ret[static PATH_MAX]) {
        const char *name = rest + strspn(rest, "/");
        size_t n = strcspn(name, "/");

        memcpy(ret, name, n);
        ret[n] = '\0';
        memmove(rest, name + n, strlen(name + n) + 1);
        return n > 0 ? ret : NULL;
}

static int append_name(PathPlace *place, const char *name) {
        size_t n = strlen(place->path), length = strlen(name);

        if (n + length + 2 > sizeof(place->path))
                return -ENAMETOOLONG;
        place->path[n] = '/';
        memcpy(place->path + n + 1, name, length + 1);
        return 0;
}

static int start_at_root(PathPlace *place) {
        path_place_done(place);
        place->path[0] = '\0';
        place->existing = 0;
        place->error = 0;
        place->fd = open("/", DIRECTORY);
        return place->fd < 0 ? -errno : 0;
}

/* Takes the ownership of the descriptor. */
static int enter(PathPlace *place, const char *name, int fd) {
        close(place->fd);
        place->fd = fd;
        return append_name(place, name);
}

/* Keeps the rest as it is written: what does not exist has no links to follow. */
static int append_rest(Walk *walk, const char *name, int error) {
        char component[PATH_MAX];
        int r = append_name(walk->place, name);

        walk->place->error = error;
        /* the file exists, so a part of its name is not what is missing */
        walk->place->existing = strlen(walk->place->path) - (error == -ENOTDIR ? 0 : strlen(name) + 1);
        while (r >= 0 && (name = next_name(walk->rest, component))) {
                /* of a link's target: the directory that it would be relative to is not there */
                if (strcmp(name, "..") == 0)
                        return -ENOENT;
                if (strcmp(name, ".") != 0)
                        r = append_name(walk->place, name);
        }
        return r;
}

/* Returns true if only root writes to the directory and only root can have put it where it is: a guest may
 * rename a directory of root's that lies in one of its own. In a directory with the sticky bit it may not.
 */
static bool is_roots(int directory_fd) {
        _cleanup_close_ int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3);
        struct stat st, above;
        bool is_first = true;

        if (fd < 0 || fstat(fd, &st) < 0)
                return false;
        for (;;) {
                int parent = openat(fd, "..", DIRECTORY);

                if (parent < 0)
                        return false;
                close(fd);
                fd = parent;
                if (st.st_uid != 0 ||
                                (st.st_mode & (S_IWGRP | S_IWOTH) &&
                                                (is_first || !(st.st_mode & S_ISVTX))) ||
                                fstat(fd, &above) < 0)
                        return false;
                if (above.st_ino == st.st_ino && above.st_dev == st.st_dev)
                        return true;
                st = above;
                is_first = false;
        }
}

/* True if no other user writes to the directory. */
static bool is_own(int fd) {
        struct stat st;

        return fstat(fd, &st) == 0 && st.st_uid == getuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* No guest is given the home itself, so a link in it is the user's. */
static bool is_home(const Walk *walk) {
        const char *home = walk->walker->home;

        return home && strcmp(walk->place->path, home) == 0 && is_own(walk->place->fd);
}

static bool is_in_tree(const Walk *walk) {
        const char *tree = walk->walker->tree;

        return tree && path_is_in(walk->place->path, tree) && is_own(walk->place->fd);
}

/* True if a link in this directory counts. */
static bool is_trusted(const Walk *walk) {
        switch (walk->walker->links) {
        case PATH_LINKS_ALL:
                return true;
        case PATH_LINKS_TRUSTED:
                return is_home(walk) || is_in_tree(walk) || is_roots(walk->place->fd);
        case PATH_LINKS_NONE:
        default:
                return false;
        }
}

static int refuse_link(PathPlace *place, const char *name) {
        int r = append_name(place, name);

        path_place_done(place);
        return r < 0 ? r : -ELOOP;
}

/* Puts `target` before what is left. */
static int put_before_rest(Walk *walk, const char *target) {
        size_t n = strlen(target), length = strlen(walk->rest);

        if (n + length + 2 > sizeof(walk->rest))
                return -ENAMETOOLONG;
        memmove(walk->rest + n + 1, walk->rest, length + 1);
        memcpy(walk->rest, target, n);
        walk->rest[n] = '/';
        return target[0] == '/' ? start_at_root(walk->place) : 0;
}

static int follow(Walk *walk, const char *name, const char *target) {
        if (++walk->n_links > LINKS_MAX || !is_trusted(walk))
                return refuse_link(walk->place, name);
        return put_before_rest(walk, target);
}

/* Follows a `..` in a link's target. The place has no links in it, so its parent is the path without the
 * last component. */
static int go_up(Walk *walk) {
        char parent[PATH_MAX] = "/";
        const char *slash = strrchr(walk->place->path, '/');

        if (slash && slash > walk->place->path)
                snprintf(parent, sizeof(parent), "%.*s", (int) (slash - walk->place->path),
                                walk->place->path);
        return put_before_rest(walk, parent);
}

static int step(Walk *walk, const char *name) {
        char target[PATH_MAX];
        ssize_t n;
        int fd, error;

        if (strcmp(name, ".") == 0)
                return 0;
        if (strcmp(name, "..") == 0)
                return go_up(walk);
        fd = openat(walk->place->fd, name, DIRECTORY);
        if (fd >= 0)
                return enter(walk->place, name, fd);
        error = -errno;
        if (error != -ENOTDIR && error != -ELOOP)
                return append_rest(walk, name, error);
        n = readlinkat(walk->place->fd, name, target, sizeof(target) - 1);
        if (n <= 0)
                return append_rest(walk, name, -ENOTDIR);
        target[n] = '\0';
        return follow(walk, name, target);
}

static int go_on(Walk *walk) {
        char name[PATH_MAX];
        int r = 0;

        while (r >= 0 && walk->place->error == 0 && next_name(walk->rest, name))
                r = step(walk, name);
        if (r < 0) {
                path_place_done(walk->place);
                return r;
        }
        if (walk->place->error == 0)
                walk->place->existing = strlen(walk->place->path);
        if (!walk->place->path[0])
                strcpy(walk->place->path, "/");
        return 0;
}

static int walk_from_root(const PathWalker *walker, const char *path, PathPlace *ret) {
        Walk walk = { .walker = walker, .place = ret };
        int r;

        ret->fd = -EBADF;
        ret->path[0] = '\0';
        if (strlen(path) >= sizeof(walk.rest))
                return -ENAMETOOLONG;
        strcpy(walk.rest, path);
        r = start_at_root(ret);
        return r < 0 ? r : go_on(&walk);
}

/* Makes the parent's place the walker's. False if it cannot be kept, because it is not wholly there. */
static bool keep_parent(PathWalker *walker, const char *path, size_t n) {
        if (walker->parent.fd >= 0 && strncmp(walker->written, path, n) == 0 && walker->written[n] == '\0')
                return true;
        path_walker_done(walker);
        memcpy(walker->written, path, n);
        walker->written[n] = '\0';
        if (walk_from_root(walker, walker->written, &walker->parent) == 0 && walker->parent.error == 0)
                return true;
        path_walker_done(walker);
        return false;
}

static int refuse_length(PathPlace *place) {
        path_place_done(place);
        return -ENAMETOOLONG;
}

/* The last component, from the parent that was walked before: its links were judged then, and the
 * descriptor is still that directory. */
static int walk_from_parent(const PathWalker *walker, const char *name, PathPlace *ret) {
        Walk walk = { .walker = walker, .place = ret };

        ret->error = 0;
        ret->existing = 0;
        strcpy(ret->path, strcmp(walker->parent.path, "/") == 0 ? "" : walker->parent.path);
        /* nearly always it is a directory, which takes one call */
        ret->fd = name[1] == '.' ? -EBADF : openat(walker->parent.fd, name + 1, DIRECTORY);
        if (ret->fd >= 0) {
                walk.rest[0] = '\0';
                return append_name(ret, name + 1) < 0 ? refuse_length(ret) : go_on(&walk);
        }
        ret->fd = fcntl(walker->parent.fd, F_DUPFD_CLOEXEC, 3);
        if (ret->fd < 0)
                return -errno;
        strcpy(walk.rest, name);
        return go_on(&walk);
}

int path_walk(PathWalker *walker, const char *path, PathPlace *ret) {
        const char *name = strrchr(path, '/');
        size_t n = name ? (size_t) (name - path) : 0;

        if (n > 0 && strlen(path) < PATH_MAX && name[1] && keep_parent(walker, path, n))
                return walk_from_parent(walker, name, ret);
        return walk_from_root(walker, path, ret);
}

int path_open_directory(const char *path) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_NONE, NULL);
        PathPlace place;
        int r = walk_from_root(&walker, path, &place);

        if (r < 0)
                return r;
        if (place.error == 0)
                return TAKE_FD(place.fd);
        path_place_done(&place);
        return place.error;
}
