/* The kernel's own sandbox for the unprivileged: a process gives up what it does not
 * need, for itself and for all that it becomes. Kernels differ in how much of it they
 * have; what they lack stays allowed, see landlock(7). */

#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* The rights to files that each version of the interface has brought. */
#define FS_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
static const uint64_t fs_since[] = {
        [1] = FS_1,
        [2] = LANDLOCK_ACCESS_FS_REFER,
        [3] = LANDLOCK_ACCESS_FS_TRUNCATE,
        [5] = LANDLOCK_ACCESS_FS_IOCTL_DEV,
};
#define ABI_TCP 4
#define ABI_SCOPE 6

/* Those that make sense for what is no directory; the kernel refuses the others there. */
#define FS_FILE                                                                                             \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |        \
                        LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

static const uint64_t rights[] = {
        [LANDLOCK_READ] = FS_READ,
        [LANDLOCK_RUN] = FS_READ | LANDLOCK_ACCESS_FS_EXECUTE,
        [LANDLOCK_WRITE] = FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                        LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                        LANDLOCK_ACCESS_FS_REMOVE_FILE,
        [LANDLOCK_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                        LANDLOCK_ACCESS_FS_IOCTL_DEV,
};

int landlock_version(void) {
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

        return abi < 0 ? 0 : (int) abi;
}

static int create(int abi, bool no_tcp, uint64_t *ret_handled) {
        struct landlock_ruleset_attr attr = {};
        long fd;

        for (size_t i = 1; i < ELEMENTSOF(fs_since) && i <= (size_t) abi; i++)
                attr.handled_access_fs |= fs_since[i];
        if (abi >= ABI_TCP && no_tcp)
                attr.handled_access_net = LANDLOCK_ACCESS_NET_CONNECT_TCP;
        if (abi >= ABI_SCOPE)
                attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
        *ret_handled = attr.handled_access_fs;
        /* an older kernel takes the longer structure, since what it does not know is zero */
        fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
        return fd < 0 ? -errno : (int) fd;
}

static int allow(int ruleset, const LandlockPath *path, uint64_t handled) {
        struct landlock_path_beneath_attr beneath = { .allowed_access = rights[path->access] & handled };
        _cleanup_close_ int fd = open(path->path, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                beneath.allowed_access &= FS_FILE;
        beneath.parent_fd = fd;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno
                                                                                                    : 0;
}

int landlock_restrict(const LandlockPath *paths, size_t n, bool no_tcp) {
        _cleanup_close_ int ruleset = -EBADF;
        uint64_t handled;
        int abi = landlock_version(), r = 0;

        if (abi == 0)
                return 0;
        ruleset = create(abi, no_tcp, &handled);
        if (ruleset < 0)
                return ruleset;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = allow(ruleset, paths + i, handled);
        if (r < 0)
                return r;
        /* without it a set-user-ID program could be fooled by what it does not get */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
