/* $XDG_RUNTIME_DIR/claude-microvm/requests/ID.credentials/NAME, from a moment before the
 * VM's unit is started to the moment when its helper has read them. The directory is locked
 * meanwhile: a claude-run that is killed in between leaves one that is not. */

#include "helper/request/caller-credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/vm-name.h"
#include "common/whole-file.h"

#define SUFFIX ".credentials"

static char *directory_of(const char *runtime_dir, const char *id) {
        char *path;

        return asprintf(&path, "%s/claude-microvm/requests/%s" SUFFIX, runtime_dir, id) < 0 ? NULL : path;
}

char *caller_credentials_path(const char *runtime_dir, const char *id, const char *name) {
        char *path;

        return asprintf(&path, "%s/claude-microvm/requests/%s" SUFFIX "/%s", runtime_dir, id, name) < 0
                        ? NULL
                        : path;
}

static int hand_over_one(const char *runtime_dir, const char *id, const char *name) {
        const char *value = getenv(name);
        _cleanup_free_ char *path = caller_credentials_path(runtime_dir, id, name);

        if (!value || !value[0])
                return 0;
        return path ? whole_file_create(path, 0600, value, strlen(value)) : -ENOMEM;
}

int caller_credentials_hand_over(const char *runtime_dir, const char *id, const char *names) {
        _cleanup_free_ char *directory = directory_of(runtime_dir, id), *copy = strdup(names);
        _cleanup_close_ int fd = -EBADF;
        char *rest = copy, *name;
        int r;

        if (!directory || !copy)
                return -ENOMEM;
        caller_credentials_remove(runtime_dir, id);
        r = directory_make(directory);
        if (r < 0)
                return r;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        while (r >= 0 && (name = strsep(&rest, " ")))
                r = hand_over_one(runtime_dir, id, name);
        if (r < 0) {
                caller_credentials_remove(runtime_dir, id);
                return r;
        }
        return TAKE_FD(fd);
}

void caller_credentials_remove(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *path = directory_of(runtime_dir, id);
        _cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
        int fd = dir ? dirfd(dir) : -EBADF;

        if (fd < 0)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));)
                if (entry->d_name[0] != '.')
                        (void) unlinkat(fd, entry->d_name, 0);
        (void) rmdir(path);
}

static void sweep_one(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *path = directory_of(runtime_dir, id);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -EBADF;

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
                caller_credentials_remove(runtime_dir, id);
}

void caller_credentials_sweep(const char *runtime_dir) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/claude-microvm/requests", runtime_dir) < 0) {
                path = NULL;
                return;
        }
        dir = opendir(path);
        if (!dir)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                size_t n = strlen(entry->d_name), suffix = strlen(SUFFIX);
                char id[VM_NAME_MAX + 1];

                if (n <= suffix || n - suffix > VM_NAME_MAX ||
                                strcmp(entry->d_name + n - suffix, SUFFIX) != 0)
                        continue;
                memcpy(id, entry->d_name, n - suffix);
                id[n - suffix] = '\0';
                if (vm_name_is_id(id))
                        sweep_one(runtime_dir, id);
        }
}
