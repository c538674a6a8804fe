#include "helper/copy/below.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/open-below.h"

int below_parent(int root, const char *path, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = slash ? strndup(path, (size_t) (slash - path)) : NULL;
        int fd;

        if (slash && !parent)
                return -ENOMEM;
        fd = slash ? open_below(root, parent, O_RDONLY | O_DIRECTORY)
                   : openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return slash ? fd : -errno;
        *ret_name = slash ? slash + 1 : path;
        return fd;
}

int below_stat(int root, const char *path, struct stat *ret) {
        const char *name;
        _cleanup_close_ int parent = below_parent(root, path, &name);

        if (parent < 0)
                return parent;
        return fstatat(parent, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int below_open_file(int root, const char *path, struct stat *ret) {
        _cleanup_close_ int fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return fd;
        if (fstat(fd, ret) < 0)
                return -errno;
        return S_ISREG(ret->st_mode) ? TAKE_FD(fd) : -ENOTSUP;
}
