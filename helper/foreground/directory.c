/* A directory is its owner's as long as the owner holds a lock on it, and the kernel takes the lock away
 * from an owner that is killed. So the next start removes what the last one left. */

#include "helper/foreground/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/share-tag.h"
#include "common/strjoin.h"

#define PREFIX "claude-fg."
#define DEPTH_MAX 6U /* of what a VM keeps there */

/* The longest path of a socket below it: PREFIX and six letters, then /claude-vm-fs/UUID:TAG.sock. Less is
 * left of the 108 bytes of sun_path for the directory itself. */
#define BELOW_MAX                                                                                           \
        (sizeof("/" PREFIX "XXXXXX/claude-vm-fs/01234567-0123-0123-0123-0123456789ab:.sock") + SHARE_TAG_MAX)
#define BASE_MAX (sizeof(((struct sockaddr_un *) NULL)->sun_path) - BELOW_MAX)

void foreground_directory_remove(const char *path) {
        (void) directory_remove_tree(path, DEPTH_MAX);
}

/* 0 and the descriptor if this process has the lock of a directory that is still there. */
static int lock(const char *path, int *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat opened, named;

        if (fd < 0 || fstat(fd, &opened) < 0)
                return -errno;
        if (opened.st_uid != geteuid())
                return -EPERM;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        /* another start may have removed it before this lock */
        if (lstat(path, &named) < 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
                return -ENOENT;
        *ret = TAKE_FD(fd);
        return 0;
}

static void sweep(const char *base) {
        _cleanup_closedir_ DIR *dir = opendir(base);

        for (const struct dirent *entry; dir && (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;

                if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
                        continue;
                path = strjoin(base, "/", entry->d_name, NULL);
                if (path && lock(path, &fd) == 0)
                        foreground_directory_remove(path);
        }
}

static bool is_base(const char *path) {
        return path && path[0] == '/' && strlen(path) <= BASE_MAX && access(path, W_OK | X_OK) == 0;
}

/* The job's own directory first, which its engine removes. */
static char *find_base(void) {
        const char *const places[] = { getenv("TMPDIR"), getenv("XDG_RUNTIME_DIR"), "/tmp" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_free_ char *path = places[i] ? realpath(places[i], NULL) : NULL;

                if (is_base(path))
                        return TAKE_PTR(path);
        }
        return NULL;
}

int foreground_directory_make(char **ret_path, int *ret_lock) {
        _cleanup_free_ char *base = find_base(), *path = NULL;
        int r = -ENOENT;

        if (!base)
                return -ENOENT;
        sweep(base);
        /* another start sweeps it between making and lock: then the next one */
        for (unsigned i = 0; r == -ENOENT && i < 8; i++) {
                free(path);
                path = strjoin(base, "/" PREFIX "XXXXXX", NULL);
                if (!path || !mkdtemp(path))
                        return path ? -errno : -ENOMEM;
                r = lock(path, ret_lock);
        }
        if (r >= 0)
                *ret_path = TAKE_PTR(path);
        return r;
}
