/* The walk goes from one descriptor to the next, so a directory that a guest replaces by a link while it is
 * walked leads nowhere else. Each level keeps one descriptor open; the depth has an end. */

#include "helper/copy/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"

typedef struct Walk {
        Tree *tree;
        char path[PATH_MAX];
        unsigned depth;
} Walk;

static int walk_directory(Walk *w, int fd, size_t length);

/* Enters a directory that has been visited. `length`: of its path. */
static int enter(Walk *w, const TreeEntry *e, size_t length) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (w->depth >= TREE_DEPTH_MAX) {
                w->tree->is_incomplete = true;
                return 0;
        }
        fd = openat(e->directory, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                w->tree->is_incomplete = true;
                return 0;
        }
        w->depth++;
        r = walk_directory(w, TAKE_FD(fd), length);
        w->depth--;
        /* the names below it have been written behind its own */
        w->path[length] = '\0';
        return r;
}

static int visit_entry(Walk *w, int directory, const char *name, size_t length) {
        TreeEntry e = { .directory = directory, .name = name, .path = w->path };
        int r;

        if (fstatat(directory, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0; /* it is gone */
        r = w->tree->visit(w->tree->userdata, &e);
        if (r == TREE_SKIP)
                return 0;
        if (r >= 0 && S_ISDIR(e.st.st_mode)) {
                r = enter(w, &e, length);
                if (r >= 0 && w->tree->leave)
                        r = w->tree->leave(w->tree->userdata, &e);
        }
        return r;
}

/* Takes ownership of the descriptor. `length`: of the directory's path, 0 for the root. */
static int walk_directory(Walk *w, int fd, size_t length) {
        _cleanup_closedir_ DIR *d = fdopendir(fd);
        const struct dirent *entry;
        int r = 0;

        if (!d) {
                r = -errno;
                close(fd);
                return r;
        }
        while (r >= 0 && (entry = readdir(d))) {
                size_t n = strlen(entry->d_name), start = length > 0 ? length + 1 : 0;

                if (path_is_dots(entry->d_name))
                        continue;
                if (start + n >= sizeof(w->path)) {
                        w->tree->is_incomplete = true;
                        continue;
                }
                if (length > 0)
                        w->path[length] = '/';
                memcpy(w->path + start, entry->d_name, n + 1);
                r = visit_entry(w, fd, entry->d_name, start + n);
        }
        return r;
}

int tree_walk(Tree *tree) {
        Walk walk = { .tree = tree };
        int fd = openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : walk_directory(&walk, fd, 0);
}
