#include "helper/suspend/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "common/whole-file.h"

#define SMALL_MAX (1024U * 1024U)

char *state_home(void) {
        _cleanup_free_ char *home = path_xdg("XDG_STATE_HOME", "/.local/state");

        return home ? strjoin(home, "/claude-microvm/suspended", NULL) : NULL;
}

static char *whole_path(const char *dir, const char *id) {
        return strjoin(dir, "/", id, NULL);
}

/* No VM's name begins with a dot. */
static char *new_path(const char *dir, const char *id) {
        return strjoin(dir, "/.", id, NULL);
}

char *state_file(const char *dir, const char *id, const char *name) {
        return strjoin(dir, "/", id, "/", name, NULL);
}

char *state_new_file(const char *dir, const char *id, const char *name) {
        return strjoin(dir, "/.", id, "/", name, NULL);
}

int state_look(const char *dir, const char *id, StateInfo *ret) {
        _cleanup_free_ char *path = state_file(dir, id, STATE_MEMORY);
        struct stat st;

        if (!path)
                return -ENOMEM;
        if (lstat(path, &st) < 0)
                return -errno;
        ret->bytes = (uint64_t) st.st_blocks * 512;
        ret->since_usec = (uint64_t) st.st_mtim.tv_sec * SEC + (uint64_t) st.st_mtim.tv_nsec / 1000;
        return 0;
}

bool state_exists(const char *dir, const char *id) {
        StateInfo info;

        return state_look(dir, id, &info) >= 0;
}

int state_list(const char *dir, char ***ret) {
        _cleanup_strv_free_ char **names = NULL, **states = NULL;
        int r = directory_list(dir, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++)
                if (vm_name_is_id(names[i]) && state_exists(dir, names[i]))
                        r = strv_append(&states, names[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(states);
        return 0;
}

static int sync_path(const char *path, int flags) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int state_begin(const char *dir, const char *id) {
        _cleanup_free_ char *path = new_path(dir, id);

        if (!path)
                return -ENOMEM;
        directory_remove(path);
        return mkdir(path, 0700) < 0 ? -errno : 0;
}

static int sync_files(const char *path) {
        _cleanup_strv_free_ char **names = NULL;
        int r = directory_list(path, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *file = strjoin(path, "/", names[i], NULL);

                r = file ? sync_path(file, 0) : -ENOMEM;
        }
        return r < 0 ? r : sync_path(path, O_DIRECTORY);
}

static int move(const char *from, const char *to, const char *dir) {
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
                return -errno;
        return sync_path(dir, O_DIRECTORY);
}

int state_commit(const char *dir, const char *id) {
        _cleanup_free_ char *new = new_path(dir, id), *path = whole_path(dir, id);
        int r = new && path ? sync_files(new) : -ENOMEM;

        return r < 0 ? r : move(new, path, dir);
}

void state_abandon(const char *dir, const char *id) {
        _cleanup_free_ char *path = new_path(dir, id);

        if (path)
                directory_remove(path);
}

int state_remove(const char *dir, const char *id) {
        _cleanup_free_ char *path = whole_path(dir, id), *new = new_path(dir, id);
        int r;

        if (!path || !new)
                return -ENOMEM;
        directory_remove(new);
        r = move(path, new, dir);
        if (r >= 0)
                directory_remove(new);
        return r;
}

int state_rename(const char *dir, const char *id, const char *new_id) {
        _cleanup_free_ char *path = whole_path(dir, id), *new = whole_path(dir, new_id);

        return path && new ? move(path, new, dir) : -ENOMEM;
}

int state_copy(const char *from, const char *to) {
        _cleanup_close_ int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        r = whole_file_read_fd(fd, SMALL_MAX, &text, &size);
        if (r >= 0 && size == SMALL_MAX)
                r = -EFBIG;
        if (r < 0)
                return r;
        if (unlink(to) < 0 && errno != ENOENT)
                return -errno;
        return whole_file_create(to, 0600, text, size);
}
