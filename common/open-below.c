/* openat2(2) would do this in one call, but systemd's RestrictSUIDSGID= takes it away, because its filter
 * cannot see the mode in it. So the walk opens one component after the other, as common/path-walk.c does. */

#include "common/open-below.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define STEP (O_PATH | O_NOFOLLOW | O_CLOEXEC)

static int refuse_link(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return S_ISLNK(st.st_mode) ? -ELOOP : 0;
}

static int step(int dir, const char *name) {
        _cleanup_close_ int fd = openat(dir, name, STEP);
        int r = fd < 0 ? -errno : refuse_link(fd);

        return r < 0 ? r : TAKE_FD(fd);
}

/* The last component. What O_PATH has opened is looked at; an open of another kind refuses a link itself. */
static int open_last(int dir, const char *name, int flags) {
        int fd;

        if (flags & O_PATH)
                return step(dir, name);
        fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int open_below(int root, const char *path, int flags) {
        _cleanup_close_ int dir = -EBADF;
        char name[NAME_MAX + 1];

        for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
                size_t n = (size_t) (slash - path);
                int next;

                if (n > NAME_MAX)
                        return -ENAMETOOLONG;
                memcpy(name, path, n);
                name[n] = '\0';
                next = step(dir >= 0 ? dir : root, name);
                if (next < 0)
                        return next;
                if (dir >= 0)
                        close(dir);
                dir = next;
        }
        return open_last(dir >= 0 ? dir : root, path, flags);
}
