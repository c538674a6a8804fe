/* A guest that breaks out into its QEMU, or into the ssh that talks to it, is this user: it
 * could read the home, and tell the session's bus to start anything. Two walls against that:
 *
 * A user and mount namespace with nothing in the home and in the runtime directory but
 * what QEMU needs, so there is no bus to connect to. Some kernels refuse these to
 * ordinary users; then the second wall has to do.
 *
 * Landlock: files can be opened below a few directories only, abstract sockets and
 * processes outside cannot be reached.
 *
 * The order matters: mounting is not possible any more under Landlock. */

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "landlock.h"
#include "mount-namespace.h"
#include "path.h"
#include "small-file.h"

/* --- the namespaces -------------------------------------------------------------------- */

/* Binds the open directory to the path that it had, which a cover hides now. */
static int bring_back(int fd, const char *path) {
        char source[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        int r = make_directories(path);

        if (r < 0)
                return r;
        snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
        return mount(source, path, "none", MS_BIND, NULL) < 0 ? -errno : 0;
}

/* An empty directory in place of `path`, with those of `keep` that lie in it. */
static int cover(const char *path, const char *const keep[], size_t n) {
        int fds[8], r = 0;

        for (size_t i = 0; i < n; i++)
                fds[i] = path_is_in(keep[i], path) ? open(keep[i], O_PATH | O_DIRECTORY | O_CLOEXEC)
                                                   : -EBADF;
        if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=64k") < 0)
                r = -errno;
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (fds[i] >= 0)
                        r = bring_back(fds[i], keep[i]);
        for (size_t i = 0; i < n; i++)
                close_cleanup(&fds[i]);
        return r;
}

static int cover_all(const QemuSandbox *s) {
        const char *const keep[] = { s->directory, s->socket_dir, s->image };
        int r = mount_namespace_enter();

        if (r >= 0)
                r = cover(s->runtime_dir, keep, ELEMENTSOF(keep));
        if (r >= 0 && s->home && !path_is_in(s->qemu, s->home) && !path_is_in(s->runtime_dir, s->home))
                r = cover(s->home, keep, ELEMENTSOF(keep));
        return r;
}

/* --- Landlock -------------------------------------------------------------------------- */

/* Programs, libraries and firmware of the distributions; its locale, resolver and accounts; CPU topology. */
static const char *const readable[] = { "/usr", "/lib", "/lib64", "/nix/store", "/etc", "/proc", "/sys" };
static const char *const devices[] = { "/dev/kvm", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom" };

/* The user network reads its name servers again when they change, so their directory it has to be. */
static int allow_resolver(int ruleset) {
        _cleanup_free_ char *path = realpath("/etc/resolv.conf", NULL);

        if (!path)
                return 0;
        *strrchr(path, '/') = '\0';
        return landlock_allow(ruleset, path, LANDLOCK_READ);
}

/* `more` may be read, up to a NULL. */
static int enter_landlock(const char *directory, const char *const more[]) {
        _cleanup_close_ int ruleset = landlock_begin();
        int r;

        /* a kernel without it, or a container that does not know it */
        if (ruleset == -EOPNOTSUPP)
                return 0;
        if (ruleset < 0)
                return ruleset;
        r = landlock_allow(ruleset, directory, LANDLOCK_ALL);
        if (r >= 0)
                r = allow_resolver(ruleset);
        for (; r >= 0 && *more; more++)
                r = landlock_allow(ruleset, *more, LANDLOCK_READ);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(readable); i++)
                r = landlock_allow(ruleset, readable[i], LANDLOCK_READ);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(devices); i++)
                r = landlock_allow(ruleset, devices[i], LANDLOCK_DEVICE);
        if (r >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        return r < 0 ? r : landlock_enforce(ruleset);
}

int sandbox_enter_qemu(const QemuSandbox *s) {
        const char *const more[] = { s->image, s->qemu, s->files[0], s->files[1], s->files[2], NULL };
        int r = cover_all(s);

        if (r < 0 && r != -EUSERS)
                return r;
        if (r < 0)
                dprintf(STDERR_FILENO,
                                "this kernel gives ordinary users no namespaces: QEMU is kept from files, "
                                "but not "
                                "from the sockets of your session\n");
        return enter_landlock(s->directory, more);
}

int sandbox_enter_ssh(const char *directory) {
        return enter_landlock(directory, (const char *const[]) { HELPER_PATH, NULL });
}
