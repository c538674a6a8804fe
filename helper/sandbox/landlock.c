#include "helper/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_DEVICE                                                                                       \
        (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define RIGHTS_FILES                                                                                        \
        (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                        \
                        LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                    \
                        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                         \
                        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)
/* no link and no file, so that no name in the directory leads a program elsewhere */
#define RIGHTS_SOCKETS                                                                                      \
        (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* the rights that apply to files other than directories */
#define RIGHTS_OF_FILES (RIGHTS_DEVICE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_TRUNCATE)

static long landlock_abi(void) {
        return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

unsigned landlock_version(void) {
        long abi = landlock_abi();

        return abi < 0 ? 0 : (unsigned) abi;
}

/* The rights that each version of the interface has added, see the kernel's userspace-api/landlock.rst. */
static uint64_t handled_rights(long abi) {
        uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;

        if (abi >= 2)
                rights |= LANDLOCK_ACCESS_FS_REFER;
        if (abi >= 3)
                rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
        if (abi >= 5)
                rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
        return rights;
}

int landlock_begin(void) {
        struct landlock_ruleset_attr attr = {};
        long abi = landlock_abi(), fd;

        if (abi < 0)
                return -EOPNOTSUPP;
        attr.handled_access_fs = handled_rights(abi);
        if (abi >= 6)
                attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
        fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
        return fd < 0 ? -errno : (int) fd;
}

int landlock_allow(int ruleset, const char *path, LandlockAccess access) {
        static const uint64_t rights[] = {
                [LANDLOCK_READ] = RIGHTS_READ,
                [LANDLOCK_DEVICE] = RIGHTS_DEVICE,
                [LANDLOCK_FILES] = RIGHTS_FILES,
                [LANDLOCK_SOCKETS] = RIGHTS_SOCKETS,
        };
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct landlock_path_beneath_attr attr = { .parent_fd = fd };
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        attr.allowed_access = rights[access] & handled_rights(landlock_abi());
        if (!S_ISDIR(st.st_mode))
                attr.allowed_access &= RIGHTS_OF_FILES;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno
                                                                                                 : 0;
}

int landlock_enforce(int ruleset) {
        return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
