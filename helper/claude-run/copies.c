#include "helper/claude-run/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/path-walk.h"
#include "common/path.h"
#include "common/remove-tree.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/which-vm.h"
#include "helper/copy/make.h"

static char *path_of(const char *id) {
        _cleanup_free_ char *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));

        return NEED(copy_path(data, id));
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

char **copies_list(void) {
        _cleanup_free_ char *all = path_of(NULL);
        char **names = NULL;

        if (directory_list(all, &names) < 0)
                return NULL;
        if (names)
                qsort(names, strv_length(names), sizeof(char *), compare_names);
        return names;
}

char *copies_find(const char *id) {
        _cleanup_free_ char *path = path_of(id);

        return vm_name_is_id(id) && access(path, F_OK) == 0 ? TAKE_PTR(path) : NULL;
}

/* The copy that a word means: also one whose project is gone, and of an ad-hoc VM the beginning of its UUID.
 */
static char *find_word(const char *word) {
        _cleanup_strv_free_ char **names = copies_list();

        return which_vm_pick(names, word);
}

char *copies_origin(const char *id) {
        _cleanup_free_ char *path = path_of(id), *origin = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        Record record = {};

        if (fd < 0 || record_read(fd, COPY_RECORD, &record) < 0)
                return NULL;
        origin = NEED(strdup(record.origin));
        record_done(&record);
        return TAKE_PTR(origin);
}

static bool is_of(const char *id, const char *directory) {
        _cleanup_free_ char *origin = copies_origin(id);

        return origin && strcmp(origin, directory) == 0;
}

static int find_here(Context *c, char **ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *directory = NULL;
        int r = which_vm_here(c, ret);

        if (r != 0 || *ret)
                return r;
        r = which_vm_directory(c, &directory);
        if (r != 0)
                return r;
        names = copies_list();
        for (char *const *name = names; name && *name; name++) {
                if (!is_of(*name, directory))
                        continue;
                if (*ret)
                        return fail(EXIT_CONFIGURATION, "'%s' and '%s' are both copies of '%s'; name one",
                                        *ret, *name, directory);
                *ret = NEED(strdup(*name));
        }
        return *ret ? 0
                    : fail(EXIT_CONFIGURATION, "there is no copy of '%s'; see: claude-run list", directory);
}

static int find_id(Context *c, char **ret) {
        if (c->options->n_words == 0)
                return find_here(c, ret);
        *ret = find_word(c->options->words[0]);
        return *ret ? 0 : which_vm_resolve(c, c->options->words[0], ret);
}

static int open_directory(Context *c, char **ret_id, char **ret_path, int *ret_directory) {
        int r = find_id(c, ret_id);

        if (r != 0)
                return r;
        *ret_path = path_of(*ret_id);
        *ret_directory = open(*ret_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*ret_directory >= 0)
                return 0;
        if (errno != ENOENT)
                return fail(EXIT_FAILURE, "Failed to open '%s': %s", *ret_path, strerror(errno));
        return fail(EXIT_CONFIGURATION,
                        "'%s' has no copy of its directory: one is made when a VM with Workspace=copy starts",
                        *ret_id);
}

static int lock_directory(const char *id, int directory) {
        return flock(directory, LOCK_EX | LOCK_NB) < 0
                        ? fail(EXIT_FAILURE, "another claude-run works on the copy of '%s'", id)
                        : 0;
}

int copies_lock(Context *c, char **ret_id, char **ret_path, int *ret_directory) {
        int r = open_directory(c, ret_id, ret_path, ret_directory);

        return r != 0 ? r : lock_directory(*ret_id, *ret_directory);
}

static int open_parts(Copy *copy) {
        int r = record_read(copy->directory, COPY_RECORD, &copy->record);

        if (r < 0)
                return r;
        copy->work = openat(copy->directory, COPY_WORK, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (copy->work < 0)
                return -errno;
        r = path_open_directory(copy->record.origin);
        if (r >= 0)
                copy->origin = openat(r, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r >= 0)
                close(r);
        return r < 0 ? r : copy->origin < 0 ? -errno : 0;
}

static int open_copy(Context *c, bool lock, Copy *copy) {
        int r = open_directory(c, &copy->id, &copy->path, &copy->directory);

        if (r == 0 && lock)
                r = lock_directory(copy->id, copy->directory);
        if (r != 0)
                return r;
        /* under the lock: another call may have written the record */
        r = open_parts(copy);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to open the copy '%s' of '%s': %s", copy->path,
                                       copy->record.origin ?: "?", strerror(-r))
                     : 0;
}

int copies_open(Context *c, bool lock, Copy *ret) {
        Copy copy = COPY_NONE;
        int r = open_copy(c, lock, &copy);

        if (r != 0)
                copies_close(&copy);
        else
                *ret = copy;
        return r;
}

static void close_one(int fd) {
        if (fd >= 0)
                close(fd);
}

void copies_close(Copy *copy) {
        record_done(&copy->record);
        close_one(copy->origin);
        close_one(copy->work);
        close_one(copy->directory);
        free(copy->id);
        free(copy->path);
        *copy = COPY_NONE;
}

int copies_rename(const char *old, const char *new) {
        _cleanup_free_ char *from = path_of(old), *to = path_of(new);

        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
                return 0;
        return -errno;
}

int copies_remove(const char *path) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *old = NEED(strndup(path, (size_t) (slash - path))),
                            *dead = NEED(strjoin(old, "/.old", slash + 1, ".XXXXXX", NULL));

        /* a directory may be renamed over an empty one */
        if (!mkdtemp(dead) || rename(path, dead) < 0)
                return -errno;
        return remove_tree(dead);
}
