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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

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

static int write_proc(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Everybody is who he was: virtiofsd makes a user namespace of its own below this one. */
static int map_this_user(void) {
        char uid_map[64], gid_map[64];
        int r;

        snprintf(uid_map, sizeof(uid_map), "%1$u %1$u 1", getuid());
        snprintf(gid_map, sizeof(gid_map), "%1$u %1$u 1", getgid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return errno == EPERM || errno == ENOSPC ? -EUSERS : -errno;
        /* without it an unprivileged user may not map a group */
        r = write_proc("/proc/self/setgroups", "deny");
        if (r >= 0)
                r = write_proc("/proc/self/uid_map", uid_map);
        return r >= 0 ? write_proc("/proc/self/gid_map", gid_map) : r;
}

int share_root_bind(const char *path, bool create, const char *point) {
        char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (mkdir(point, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = map_this_user();
        if (r < 0)
                return r;
        /* what is mounted on the host later still appears, but nothing of ours appears there */
        if (mount("none", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
                return errno == EACCES || errno == EPERM ? -EUSERS : -errno;
        fd = share_root_open(path, create);
        if (fd < 0)
                return fd;
        /* the descriptor's own directory, whatever its path means by now */
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return mount(link, point, "none", MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}
