/* virtiofsd takes a path, resolves it, and opens it again by its name. A guest that may
 * write to a directory on the way (another VM's share above this one) could put a link there
 * between our look at the path and virtiofsd's. So the directory is opened once, without
 * links, and bound to a place below our runtime directory, where no guest can write; that
 * place is what virtiofsd gets. Its order matters: only a descriptor that is opened in the
 * new mount namespace can be bound in it. */

#include "share-root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "mount-namespace.h"

static int open_without_links(int parent, const char *path) {
        struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd = syscall(SYS_openat2, parent, path, &how, sizeof(how));

        return fd < 0 ? -errno : (int) fd;
}

static int open_or_make(int parent, const char *name) {
        int fd = open_without_links(parent, name);

        if (fd != -ENOENT)
                return fd;
        if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        return open_without_links(parent, name);
}

int share_root_open(const char *path, bool create) {
        _cleanup_free_ char *copy = NULL;
        _cleanup_close_ int fd = -EBADF;
        char *rest, *name;
        int r = open_without_links(AT_FDCWD, path);

        if (r != -ENOENT || !create)
                return r;
        rest = copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        while (fd >= 0 && (name = strsep(&rest, "/"))) {
                if (!name[0])
                        continue;
                r = open_or_make(fd, name);
                close(fd);
                fd = r;
        }
        return TAKE_FD(fd);
}

int share_root_bind(const char *path, bool create, const char *point) {
        char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdir(point, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = mount_namespace_enter();
        if (r < 0)
                return r;
        fd = share_root_open(path, create);
        if (fd < 0)
                return fd;
        /* the descriptor's own directory, whatever its path means by now */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return mount(link, point, "none", MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}
