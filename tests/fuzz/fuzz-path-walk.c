/* A tree that a guest may have made, with any names and any links in it, and walks through it. What
 * comes out must not be behind a link of the guest's, and must be canonical: realpath() changes nothing of
 * it.
 *
 * The input is a program: an operation and a name of some bytes, again and again. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path-walk.h"
#include "common/path.h"

#define OPERATIONS_MAX 24U

static char home[PATH_MAX], secret[PATH_MAX + 16];

static void remove_below(int dir_fd, unsigned depth) {
        DIR *d = fdopendir(dir_fd);

        if (!d || depth > 200)
                abort();
        for (const struct dirent *entry; (entry = readdir(d));) {
                int fd;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                                unlinkat(dir_fd, entry->d_name, 0) == 0)
                        continue;
                fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd < 0)
                        abort();
                remove_below(fd, depth + 1);
                if (unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) < 0)
                        abort();
        }
        closedir(d);
}

/* HOME/mono is the guest's, HOME/.secret what it would like to have, HOME/mine a link of the user's. */
static void make_tree(void) {
        _cleanup_close_ int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int below = dup(fd);

        remove_below(below, 0);
        if (mkdirat(fd, "mono", 0700) < 0 || mkdirat(fd, ".secret", 0700) < 0 ||
                        mkdirat(fd, ".secret/below", 0700) < 0 || symlinkat("mono/a", fd, "mine") < 0)
                abort();
}

/* The next name of the input: what a file system takes, or a path if `whole`. */
static const char *take_name(const uint8_t **data, size_t *size, char ret[static 256]) {
        size_t n = *size > 0 ? (*data)[0] : 0;

        if (*size > 0)
                (*data)++, (*size)--;
        if (n > *size)
                n = *size;
        memcpy(ret, *data, n);
        ret[n] = '\0';
        *data += n;
        *size -= n;
        return ret;
}

/* What the guest does in its directory. It cannot leave it but by links. */
static void operate(int mono_fd, uint8_t operation, const char *name, const char *other) {
        if (strchr(name, '/') && operation % 4 != 3) {
                const char *slash = strchr(name, '/');
                char first[256] = "";
                _cleanup_close_ int fd = -EBADF;

                memcpy(first, name, (size_t) (slash - name));
                if (first[0] == '\0' || first[0] == '.')
                        return;
                (void) mkdirat(mono_fd, first, 0700);
                fd = openat(mono_fd, first, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (fd >= 0)
                        operate(fd, operation, slash + 1, other);
                return;
        }
        switch (operation % 4) {
        case 0:
                (void) mkdirat(mono_fd, name, 0700);
                break;
        case 1:
                (void) symlinkat(other, mono_fd, name);
                break;
        case 2: {
                _cleanup_close_ int fd = openat(
                                mono_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
                break;
        }
        default:
                (void) symlinkat(secret, mono_fd, other);
        }
}

/* True if libc finds no link in it either, and the descriptor is that directory. */
static bool is_canonical(const PathPlace *place) {
        char path[PATH_MAX], real[PATH_MAX];
        struct stat st, found;

        snprintf(path, sizeof(path), "%.*s", (int) place->existing, place->path);
        if (!realpath(path[0] ? path : "/", real) || strcmp(path[0] ? path : "/", real) != 0)
                return false;
        if (place->error == -ENOTDIR)
                *strrchr(real, '/') = '\0';
        return stat(real[0] ? real : "/", &st) == 0 && fstat(place->fd, &found) == 0 &&
                        st.st_ino == found.st_ino && st.st_dev == found.st_dev;
}

static void check(PathWalker *walker, const char *path) {
        PathPlace place;
        int r = path_walk(walker, path, &place);

        if (r < 0) {
                if (place.fd >= 0)
                        abort();
                return;
        }
        if (place.path[0] != '/' || place.existing > strlen(place.path) || strstr(place.path, "//") ||
                        strstr(place.path, "/../") || strstr(place.path, "/./"))
                abort();
        /* every path of this test begins at what the guest may write */
        if (walker->links != PATH_LINKS_ALL && !path_is_in(place.path, home))
                abort();
        if (walker->links != PATH_LINKS_ALL && path_is_in(place.path, secret))
                abort();
        if (!is_canonical(&place))
                abort();
        path_place_done(&place);
}

static void walk_all(const char *name) {
        static const char *const starts[] = { "mono/", "mono//./", "mine/", "mine", "mono/a/", "mono" };
        PathWalker walkers[] = { PATH_WALKER(PATH_LINKS_NONE, NULL), PATH_WALKER(PATH_LINKS_TRUSTED, home),
                PATH_WALKER(PATH_LINKS_ALL, NULL) };

        for (size_t i = 0; i < ELEMENTSOF(walkers); i++) {
                for (size_t j = 0; j < ELEMENTSOF(starts); j++) {
                        char path[2 * PATH_MAX];

                        /* path_parse() refuses `..` */
                        if (strstr(name, ".."))
                                continue;
                        snprintf(path, sizeof(path), "%s/%s%s", home, starts[j], name);
                        check(&walkers[i], path);
                }
                path_walker_done(&walkers[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char template[] = "/tmp/fuzz-path-walk.XXXXXX";
        char name[256], other[256];
        int mono_fd;

        if (!home[0]) {
                if (!mkdtemp(template) || !realpath(template, home))
                        abort();
                snprintf(secret, sizeof(secret), "%s/.secret", home);
        }
        make_tree();
        snprintf(other, sizeof(other), "%.200s/mono", home);
        mono_fd = open(other, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        for (unsigned i = 0; size > 0 && i < OPERATIONS_MAX; i++) {
                uint8_t operation = data[0];

                data++, size--;
                take_name(&data, &size, name);
                take_name(&data, &size, other);
                operate(mono_fd, operation, name, other);
        }
        close(mono_fd);
        walk_all(name);
        walk_all("a");
        walk_all("b/c");
        return 0;
}
