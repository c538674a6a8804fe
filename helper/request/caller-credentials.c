/* $XDG_RUNTIME_DIR/claude-microvm/requests/ID.credentials/NAME, from a moment before the
 * VM's unit is started to the moment when its helper has read them. The directory is locked
 * meanwhile: a claude-run that is killed in between leaves one that is not. */

#include "helper/request/caller-credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "helper/request/requests.h"

#define SUFFIX "credentials"
#define TRIES 8U

char *caller_credentials_path(const char *runtime_dir, const char *id, const char *name) {
        _cleanup_free_ char *directory = runtime_path_request(runtime_dir, id, SUFFIX);

        return directory ? strjoin(directory, "/", name, NULL) : NULL;
}

static int hand_over_one(const char *runtime_dir, const char *id, const char *name) {
        const char *value = getenv(name);
        _cleanup_free_ char *path = caller_credentials_path(runtime_dir, id, name);

        if (!value || !value[0])
                return 0;
        return path ? whole_file_create(path, 0600, value, strlen(value)) : -ENOMEM;
}

/* Makes the directory, with a lock on it: the end of another VM may sweep it away before. */
static int make_directory(const char *path) {
        int r = -ENOENT;

        for (unsigned i = 0; r == -ENOENT && i < TRIES; i++) {
                r = directory_make(path);
                if (r >= 0)
                        r = directory_lock(path, LOCK_EX);
        }
        return r;
}

int caller_credentials_hand_over(const char *runtime_dir, const char *id, const char *names) {
        _cleanup_free_ char *directory = runtime_path_request(runtime_dir, id, SUFFIX),
                            *copy = strdup(names);
        _cleanup_close_ int fd = -EBADF;
        char *rest = copy, *name;
        int r;

        if (!directory || !copy)
                return -ENOMEM;
        caller_credentials_remove(runtime_dir, id);
        r = fd = make_directory(directory);
        if (r < 0)
                return r;
        while (r >= 0 && (name = strsep(&rest, " ")))
                r = hand_over_one(runtime_dir, id, name);
        if (r < 0) {
                caller_credentials_remove(runtime_dir, id);
                return r;
        }
        return TAKE_FD(fd);
}

void caller_credentials_remove(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *path = runtime_path_request(runtime_dir, id, SUFFIX);

        if (path)
                directory_remove(path);
}

static void sweep_one(const char *runtime_dir, const char *id, const char *suffix) {
        _cleanup_free_ char *path = runtime_path_request(runtime_dir, id, SUFFIX);
        _cleanup_close_ int fd = -EBADF;

        if (!path || strcmp(suffix, SUFFIX) != 0)
                return;
        fd = directory_lock(path, LOCK_EX | LOCK_NB);
        if (fd >= 0)
                caller_credentials_remove(runtime_dir, id);
}

void caller_credentials_sweep(const char *runtime_dir) {
        requests_each(runtime_dir, sweep_one);
}
