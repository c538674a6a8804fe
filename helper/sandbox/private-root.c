/* The new root is a tmpfs on `point`. What is to be in it is bound while the old root is still there, so
 * that links resolve as they do on the host; then pivot_root(2) exchanges the two, and the old one is
 * unmounted. */

#include "helper/sandbox/private-root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/strjoin.h"
#include "common/whole-file.h"

static const char *root_point;

int private_root_begin(const char *point) {
        root_point = point;
        return mount("tmpfs", point, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                               "mode=0755,size=1m,nr_inodes=4k") < 0
                        ? -errno
                        : 0;
}

/* Makes what a mount needs to be mounted on: a directory, or an empty file. */
static int make_target(const char *target, bool is_directory) {
        int r = is_directory ? directory_make(target) : directory_make_parents(target);

        if (r < 0 || is_directory)
                return r;
        r = whole_file_create(target, 0600, "", 0);
        return r == -EEXIST ? 0 : r;
}

/* A bind mount takes over the flags of the host's; here they become narrower, below it too. */
static int restrict_mount(const char *target, RootAccess access) {
        static const uint64_t flags[] = {
                [ROOT_READ] = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                [ROOT_WRITE] = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                [ROOT_DEVICE] = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
        };
        struct mount_attr attr = { .attr_set = flags[access] };

        return mount_setattr(AT_FDCWD, target, AT_RECURSIVE | AT_SYMLINK_NOFOLLOW, &attr, sizeof(attr)) < 0
                        ? -errno
                        : 0;
}

int private_root_add(const char *path, RootAccess access) {
        _cleanup_free_ char *target = strjoin(root_point, path, NULL);
        struct stat st;
        int r;

        if (!target)
                return -ENOMEM;
        if (stat(path, &st) < 0)
                return -errno;
        r = make_target(target, S_ISDIR(st.st_mode));
        if (r < 0)
                return r;
        /* without MS_REC the kernel refuses a directory that has mounts below it */
        if (mount(path, target, "none", MS_BIND | MS_REC, NULL) < 0)
                return -errno;
        return restrict_mount(target, access);
}

int private_root_add_optional(const char *path, RootAccess access) {
        int r = private_root_add(path, access);

        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

int private_root_add_text(const char *path, const char *content) {
        _cleanup_free_ char *target = strjoin(root_point, path, NULL);
        int r = target ? directory_make_parents(target) : -ENOMEM;

        return r < 0 ? r : whole_file_create(target, 0644, content, strlen(content));
}

int private_root_add_link(const char *path, const char *target) {
        _cleanup_free_ char *link = strjoin(root_point, path, NULL);
        int r = link ? directory_make_parents(link) : -ENOMEM;

        return r < 0 ? r : symlink(target, link) < 0 ? -errno : 0;
}

int private_root_add_proc(void) {
        _cleanup_free_ char *target = strjoin(root_point, "/proc", NULL);
        int r = target ? directory_make(target) : -ENOMEM;

        if (r < 0)
                return r;
        /* subset: the files of the kernel itself are left out */
        return mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") < 0 ? -errno
                                                                                                 : 0;
}

int private_root_enter(void) {
        if (chdir(root_point) < 0)
                return -errno;
        /* the old root comes to lie on the new one, see pivot_root(2) */
        if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
                return -errno;
        if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                            NULL) < 0)
                return -errno;
        return chdir("/") < 0 ? -errno : 0;
}
