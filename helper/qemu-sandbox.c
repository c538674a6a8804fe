/* A guest that has taken over its QEMU gets the files in this list. The rest of the
 * sandbox is the unit's, and QEMU's own -sandbox; this is here because only the helper
 * knows where the guest's image is, and because the helper itself needs more. */

#include "qemu-sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "landlock.h"

static const LandlockPath always[] = {
        /* QEMU, its firmware, modules and libraries, wherever the distribution has them */
        { "/usr", LANDLOCK_RUN },
        { "/lib", LANDLOCK_RUN },
        { "/lib64", LANDLOCK_RUN },
        { "/nix/store", LANDLOCK_RUN },
        { "/gnu/store", LANDLOCK_RUN },
        /* ld.so.cache, resolv.conf, hosts: nothing there is this user's secret */
        { "/etc", LANDLOCK_READ },
        /* its credentials in /proc/self/fd; the number of CPUs and the size of pages */
        { "/proc/self", LANDLOCK_READ },
        { "/proc/meminfo", LANDLOCK_READ },
        { "/proc/sys/vm", LANDLOCK_READ },
        { "/sys/devices/system", LANDLOCK_READ },
        { "/sys/kernel/mm", LANDLOCK_READ },
        { "/dev/kvm", LANDLOCK_DEVICE },
        { "/dev/null", LANDLOCK_DEVICE },
        { "/dev/zero", LANDLOCK_READ },
        { "/dev/random", LANDLOCK_READ },
        { "/dev/urandom", LANDLOCK_READ },
};

/* Owned, or NULL: the directory of the file that a name leads to. */
static char *directory_of(const char *name) {
        char *path = realpath(name, NULL), *slash = path ? strrchr(path, '/') : NULL;

        if (slash && slash != path)
                *slash = '\0';
        return path;
}

int qemu_sandbox(const char *qemu, const GuestImage *image, const char *runtime_directory, bool no_network) {
        /* a QEMU with a prefix of its own; the list of name servers, which is replaced now and then */
        _cleanup_free_ char *program = directory_of(qemu), *resolver = directory_of("/etc/resolv.conf");
        LandlockPath paths[ELEMENTSOF(always) + 6];
        size_t n = ELEMENTSOF(always);

        memcpy(paths, always, sizeof(always));
        paths[n++] = (LandlockPath) { image->kernel, LANDLOCK_READ };
        paths[n++] = (LandlockPath) { image->initrd, LANDLOCK_READ };
        paths[n++] = (LandlockPath) { image->root, LANDLOCK_READ };
        /* where it makes ssh.sock */
        paths[n++] = (LandlockPath) { runtime_directory, LANDLOCK_WRITE };
        if (program)
                paths[n++] = (LandlockPath) { program, LANDLOCK_RUN };
        if (resolver)
                paths[n++] = (LandlockPath) { resolver, LANDLOCK_READ };
        return landlock_restrict(paths, n, no_network);
}
