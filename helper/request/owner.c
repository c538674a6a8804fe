#include "helper/request/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"

int request_owner_make(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *path = runtime_path_request(runtime_dir, id, "owner");
        int fd;

        if (!path)
                return -ENOMEM;
        if (mkfifo(path, 0600) < 0)
                return -errno;
        /* opened for reading too, because it has no reader yet; nothing is ever written */
        fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int request_owner_watch(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *path = runtime_path_request(runtime_dir, id, "owner");
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        char byte;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISFIFO(st.st_mode))
                return -EINVAL;
        /* without a writer there is the end of the file; with one there is nothing yet */
        if (read(fd, &byte, 1) == 0)
                return -EPIPE;
        return TAKE_FD(fd);
}
