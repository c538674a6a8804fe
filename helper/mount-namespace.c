#include "mount-namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cleanup.h"

static int write_proc(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* `id` is `id` in the namespace, too. */
static int write_map(const char *path, unsigned id) {
        char line[64];

        snprintf(line, sizeof(line), "%u %u 1", id, id);
        return write_proc(path, line);
}

int mount_namespace_enter(void) {
        unsigned uid = getuid(), gid = getgid();
        int r;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return errno == EPERM || errno == ENOSPC ? -EUSERS : -errno;
        /* without it an unprivileged user may not map a group */
        r = write_proc("/proc/self/setgroups", "deny");
        if (r >= 0)
                r = write_map("/proc/self/uid_map", uid);
        if (r >= 0)
                r = write_map("/proc/self/gid_map", gid);
        /* what is mounted on the host later still appears, but nothing of ours appears there */
        if (r >= 0 && mount("none", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
                r = -errno;
        /* AppArmor lets the namespace be made and takes the capabilities in it away */
        return r == -EACCES || r == -EPERM ? -EUSERS : r;
}
