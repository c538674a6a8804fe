#include "helper/sandbox/mount-namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

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

static int settle(unsigned uid, unsigned gid) {
        /* without it an unprivileged user may not map a group */
        int r = write_proc("/proc/self/setgroups", "deny");

        if (r >= 0)
                r = write_map("/proc/self/uid_map", uid);
        if (r >= 0)
                r = write_map("/proc/self/gid_map", gid);
        /* later mounts of the host still appear here, but ours do not appear there */
        if (r >= 0 && mount("none", "/", "none", MS_SLAVE | MS_REC, NULL) < 0)
                r = -errno;
        /* AppArmor allows the namespace but removes the capabilities in it */
        return r == -EACCES || r == -EPERM ? -EUSERS : r;
}

/* Returns true for the errors of unshare() and clone() when a user may not have namespaces. */
static int refused(int error) {
        return error == EPERM || error == ENOSPC ? -EUSERS : -error;
}

int mount_namespace_enter_with(int more) {
        unsigned uid = getuid(), gid = getgid();

        return unshare(CLONE_NEWUSER | CLONE_NEWNS | more) < 0 ? refused(errno) : settle(uid, gid);
}

int mount_namespace_bind(int fd, const char *point) {
        char source[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

        snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
        return mount(source, point, "none", MS_BIND | MS_REC, NULL) < 0 ? -errno : 0;
}

int mount_namespace_bind_read_only(int fd, const char *point) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
        /* without AT_RECURSIVE the kernel refuses a directory that has mounts below it */
        _cleanup_close_ int tree = open_tree(
                        fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0 ||
                        move_mount(tree, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return -errno;
        return 0;
}

int mount_namespace_enter(void) {
        return mount_namespace_enter_with(0);
}

/* Who we are outside: in the child of a clone() with CLONE_NEWUSER getuid() returns the overflow uid. */
static unsigned outer_uid, outer_gid;

pid_t mount_namespace_fork(int more) {
        long pid;

        outer_uid = getuid();
        outer_gid = getgid();
        /* glibc has no fork() with flags. Not clone3(): a filter of system calls cannot look at its flags,
         * so RestrictNamespaces= refuses it. */
#if defined(__s390__)
        pid = syscall(SYS_clone, NULL, CLONE_NEWUSER | CLONE_NEWNS | more | SIGCHLD, NULL, NULL, NULL);
#else
        pid = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | more | SIGCHLD, NULL, NULL, NULL, NULL);
#endif
        return pid < 0 ? refused(errno) : (pid_t) pid;
}

int mount_namespace_settle(void) {
        return settle(outer_uid, outer_gid);
}
