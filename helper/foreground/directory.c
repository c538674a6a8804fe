/* A directory is its owner's as long as the owner holds a lock on it, and the kernel takes the lock away
 * from an owner that is killed. So the next start removes what the last one left. */

#include "helper/foreground/directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
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

static void sweep(const char *base) {
        _cleanup_closedir_ DIR *dir = opendir(base);

        for (const struct dirent *entry; dir && (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -EBADF;

                if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
                        continue;
                path = strjoin(base, "/", entry->d_name, NULL);
                fd = path ? directory_lock(path, LOCK_EX | LOCK_NB) : -ENOMEM;
                if (fd >= 0)
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
                r = directory_lock(path, LOCK_EX | LOCK_NB);
        }
        if (r < 0)
                return r;
        *ret_path = TAKE_PTR(path);
        *ret_lock = r;
        return 0;
}
