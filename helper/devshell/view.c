/* A flake is a program of the guest's, and devenv.nix may read any file. So what is this user's goes out of
 * sight: files, and the sockets in $XDG_RUNTIME_DIR and /tmp that take orders.
 *
 * systemd could do it, with ProtectHome=tmpfs and BindReadOnlyPaths=. But it follows links to the work
 * directory, and a guest of another VM above it may have put one there since the generator looked. Here the
 * directory is opened without links, as for a share, and what is bound is the descriptor.
 *
 * The order matters: all descriptors are opened in the new namespace, and before anything is covered. */

#include "helper/devshell/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/path-walk.h"
#include "common/strjoin.h"
#include "helper/sandbox/mount-namespace.h"

#define COVER_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

typedef struct Cover {
        const char *path;
        bool mounted;
} Cover;

enum { N_COVERS = 7 };

typedef struct Kept {
        const char *path;
        int fd; /* negative: it does not exist */
} Kept;

enum { KEPT_WORK, KEPT_RESULTS, KEPT_TEMPORARY, KEPT_PROFILE, KEPT_STATE, N_KEPT };

static int open_kept(Kept *k) {
        k->fd = k->path ? open(k->path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -EBADF;
        return k->fd >= 0 || !k->path || errno == ENOENT ? 0 : -errno;
}

static int open_all(Kept kept[static N_KEPT]) {
        int r = 0;

        kept[KEPT_WORK].fd = path_open_directory(kept[KEPT_WORK].path);
        if (kept[KEPT_WORK].fd < 0)
                return kept[KEPT_WORK].fd;
        for (size_t i = KEPT_WORK + 1; r >= 0 && i < N_KEPT; i++)
                r = open_kept(kept + i);
        return r;
}

static int bring_back(const Kept *k) {
        int r = directory_make(k->path);

        return r < 0 ? r : mount_namespace_bind(k->fd, k->path);
}

static bool leads_to(const char *path, int fd) {
        struct stat a, b;

        return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* One that does not exist has nothing to hide, or lies in another one. */
static int cover_all(Cover covers[static N_COVERS]) {
        for (size_t i = 0; i < N_COVERS; i++) {
                covers[i].mounted = mount("tmpfs", covers[i].path, "tmpfs", COVER_FLAGS,
                                                    "mode=0755,size=64k") == 0;
                if (!covers[i].mounted && errno != ENOENT)
                        return -errno;
        }
        return 0;
}

static int seal_all(const Cover covers[static N_COVERS]) {
        for (size_t i = 0; i < N_COVERS; i++)
                if (covers[i].mounted &&
                                mount("none", covers[i].path, "none",
                                                MS_REMOUNT | MS_BIND | MS_RDONLY | COVER_FLAGS, NULL) < 0)
                        return -errno;
        return 0;
}

static int hide(Cover covers[static N_COVERS], Kept kept[static N_KEPT]) {
        int r = open_all(kept);

        if (r >= 0)
                r = cover_all(covers);
        for (size_t i = 0; r >= 0 && i < N_KEPT; i++)
                if (kept[i].fd >= 0 && !leads_to(kept[i].path, kept[i].fd))
                        r = bring_back(kept + i);
        return r < 0 ? r : seal_all(covers);
}

/* This user's own directories, or where they are on every system; "/" would be all of it. */
static const char *directory_of(const char *variable, const char *fallback) {
        const char *value = getenv(variable);

        return value && value[0] == '/' && value[1] ? value : fallback;
}

int devshell_view_enter(const char *work_directory, const char *dir) {
        const char *home = directory_of("HOME", "/root");
        _cleanup_free_ char *profile = strjoin(home, "/.nix-profile", NULL),
                            *state = strjoin(home, "/.local/state/nix", NULL);
        /* other users' homes too: a guest must not read what they let this user read */
        Cover covers[N_COVERS] = { { "/home" }, { "/root" }, { "/run/user" }, { "/tmp" }, { "/var/tmp" },
                { home }, { directory_of("XDG_RUNTIME_DIR", "/run/user") } };
        Kept kept[N_KEPT] = {
                [KEPT_WORK] = { work_directory, -EBADF },
                [KEPT_RESULTS] = { dir, -EBADF },
                [KEPT_TEMPORARY] = { getenv("TMPDIR"), -EBADF },
                [KEPT_PROFILE] = { profile, -EBADF },
                [KEPT_STATE] = { state, -EBADF },
        };
        int r;

        if (!profile || !state)
                return -ENOMEM;
        r = mount_namespace_enter();
        if (r >= 0)
                r = hide(covers, kept);
        for (size_t i = 0; i < N_KEPT; i++)
                close_cleanup(&kept[i].fd);
        return r;
}
