/* virtiofsd takes a path, resolves it, and opens it again by its name. A guest that may
 * write to a directory on the way (another VM's share above this one) could put a link there
 * between our look at the path and virtiofsd's. So the directory is opened once, without
 * links, and bound to a place below our runtime directory, where no guest can write; that
 * place is what virtiofsd gets. Its order matters: only a descriptor that is opened in the
 * new mount namespace can be bound in it. */

#include "helper/share/share-root.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path-walk.h"
#include "helper/sandbox/mount-namespace.h"

/* Makes the first component that is missing at `place`. */
static int make_next(const PathPlace *place) {
        const char *name = place->path + place->existing + 1;
        _cleanup_free_ char *copy = strndup(name, strcspn(name, "/"));

        if (!copy)
                return -ENOMEM;
        return mkdirat(place->fd, copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Makes one component after the other, and walks the whole path again after each: a guest that may write
 * there could have put a link in its place. */
int share_root_open(const char *path, bool create) {
        size_t n_tries = strlen(path);
        int r = path_open_directory(path);

        while (r == -ENOENT && create && n_tries-- > 0) {
                PathWalker walker = PATH_WALKER(PATH_LINKS_NONE, NULL);
                PathPlace place;

                r = path_walk(&walker, path, &place);
                if (r >= 0 && place.error == -ENOENT)
                        r = make_next(&place);
                path_place_done(&place);
                path_walker_done(&walker);
                if (r >= 0)
                        r = path_open_directory(path);
        }
        return r;
}

int share_root_bind(const char *path, bool create, const char *point) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdir(point, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = mount_namespace_enter();
        if (r < 0)
                return r;
        fd = share_root_open(path, create);
        return fd < 0 ? fd : mount_namespace_bind(fd, point);
}
