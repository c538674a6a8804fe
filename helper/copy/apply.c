/* A guest may still write to the copy while this reads it, and the user to the original. So a file is opened
 * once, below its root and without links, what was found out about it is asked again of the descriptor, and
 * the file appears in the original under a name of ours first, and is renamed when it is whole. A file in
 * the original that is not as it was copied is looked at a last time before that. */

#include "helper/copy/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/copy/below.h"
#include "helper/copy/data.h"

#define TEMPORARY_MAX 64U

const char *apply_refused(const Apply *a, const Change *change) {
        if (change->refusal == REFUSAL_PROTECTED ? !a->with_protected : change->refusal != REFUSAL_NONE)
                return change_refusal(change->refusal);
        return change->is_conflict && !a->overwrite ? "has changed here since it was copied" : NULL;
}

int apply_order(const void *a, const void *b) {
        const Change *x = a, *y = b;
        bool removed = x->kind == CHANGE_REMOVED;

        if (removed != (y->kind == CHANGE_REMOVED))
                return removed ? -1 : 1;
        return removed ? strcmp(y->path, x->path) : strcmp(x->path, y->path);
}

/* --- the original ----------------------------------------------------------------------- */

/* Looks a last time whether the original is what the record says, or as absent as it was. */
static int check_original(const Apply *a, const Change *change, int parent, const char *name) {
        const RecordEntry *entry = record_find(a->record, change->path);
        struct stat st;
        FileState now;

        if (a->overwrite)
                return 0;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno != ENOENT ? -errno : entry ? -ESTALE : 0;
        now = file_state(&st);
        return entry && file_state_is_same(&entry->original, &now) ? 0 : -ESTALE;
}

/* Directories on the way that are new as well, and may not have been asked for. */
static int make_parents(const Apply *a, const char *path) {
        char copy[PATH_MAX];

        if (strlen(path) >= sizeof(copy))
                return -ENAMETOOLONG;
        strcpy(copy, path);
        for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
                const char *name;

                *slash = '\0';
                _cleanup_close_ int parent = below_parent(a->origin, copy, &name);

                if (parent < 0)
                        return parent;
                if (mkdirat(parent, name, 0777) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* What has another type than what comes in its place. */
static int clear_place(int parent, const char *name, mode_t mode) {
        struct stat st;

        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode) == S_ISDIR(mode))
                return 0;
        return unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

/* The permissions are those of the host's file, or what this user gives a new one: only whether it may be
 * executed comes from the guest. */
static mode_t mode_of(int parent, const char *name, mode_t guest) {
        struct stat st;
        mode_t mode, mask = umask(0);

        umask(mask);
        mode = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
                        ? st.st_mode & 0777
                        : 0666 & ~mask;
        return guest & 0111 ? mode | (mode & 0444) >> 2 : mode & (mode_t) ~0111;
}

/* --- files ------------------------------------------------------------------------------ */

static void temporary_name(char ret[static TEMPORARY_MAX]) {
        static unsigned n;

        snprintf(ret, TEMPORARY_MAX, ".claude-run.%d.%u", getpid(), n++);
}

static bool is_unchanged(int fd, const struct stat *before) {
        FileState was = file_state(before), is;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return false;
        is = file_state(&st);
        return file_state_is_untouched(&was, &is);
}

static int copy_whole(int from, int to, const struct stat *st) {
        int r = data_reflink(from, to) ? 0 : data_copy(from, to, st->st_size);

        if (r < 0)
                return r;
        /* also of a reflink: the guest may have made the file longer before it */
        return is_unchanged(from, st) ? 0 : -ESTALE;
}

/* Puts the temporary file in its place. */
static int place(const Apply *a, const Change *change, int parent, const char *temporary, const char *name) {
        int r = check_original(a, change, parent, name);

        if (r >= 0)
                r = clear_place(parent, name, S_IFREG);
        if (r < 0)
                return r;
        /* what the user has made in this moment is not overwritten either */
        if (!a->overwrite && change->kind == CHANGE_NEW)
                r = renameat2(parent, temporary, parent, name, RENAME_NOREPLACE);
        else
                r = renameat(parent, temporary, parent, name);
        return r == 0 ? 0 : errno == EEXIST ? -ESTALE : -errno;
}

static int apply_file(const Apply *a, const Change *change, int parent, const char *name) {
        char temporary[TEMPORARY_MAX];
        struct stat st;
        _cleanup_close_ int from = below_open_file(a->work, change->path, &st), to = -EBADF;
        int r;

        if (from < 0)
                return from == -ENOTSUP || from == -ENOENT || from == -ELOOP ? -ESTALE : from;
        if (st.st_mode & (S_ISUID | S_ISGID))
                return -ESTALE;
        temporary_name(temporary);
        to = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_whole(from, to, &st);
        if (r >= 0 && fchmod(to, mode_of(parent, name, st.st_mode)) < 0)
                r = -errno;
        if (r >= 0)
                r = place(a, change, parent, temporary, name);
        if (r < 0)
                (void) unlinkat(parent, temporary, 0);
        return r;
}

static int apply_link(const Apply *a, const Change *change, int parent, const char *name) {
        char target[PATH_MAX], temporary[TEMPORARY_MAX];
        const char *copy_name;
        _cleanup_close_ int from = below_parent(a->work, change->path, &copy_name);
        ssize_t n = from < 0 ? -1 : readlinkat(from, copy_name, target, sizeof(target));
        int r;

        if (n < 0 || n >= (ssize_t) sizeof(target))
                return -ESTALE;
        target[n] = '\0';
        if (!change_link_stays(change->path, target))
                return -ESTALE;
        temporary_name(temporary);
        if (symlinkat(target, parent, temporary) < 0)
                return -errno;
        r = place(a, change, parent, temporary, name);
        if (r < 0)
                (void) unlinkat(parent, temporary, 0);
        return r;
}

static int apply_directory(const Apply *a, const Change *change, int parent, const char *name) {
        int r = check_original(a, change, parent, name);

        if (r >= 0)
                r = clear_place(parent, name, S_IFDIR);
        if (r < 0)
                return r;
        return mkdirat(parent, name, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static int apply_removal(const Apply *a, const Change *change) {
        const char *name;
        _cleanup_close_ int parent = below_parent(a->origin, change->path, &name);
        struct stat st;
        int r;

        if (parent < 0)
                return parent == -ENOENT ? 0 : parent;
        r = check_original(a, change, parent, name);
        if (r < 0)
                return r;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        return unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

static int apply_content(const Apply *a, const Change *change) {
        int r = make_parents(a, change->path);
        const char *name;
        _cleanup_close_ int parent = r < 0 ? r : below_parent(a->origin, change->path, &name);

        if (parent < 0)
                return parent;
        return S_ISREG(change->mode)            ? apply_file(a, change, parent, name)
                        : S_ISLNK(change->mode) ? apply_link(a, change, parent, name)
                                                : apply_directory(a, change, parent, name);
}

/* --- the record ------------------------------------------------------------------------- */

/* Without a time of change the copy's file is read at the next comparison: a guest that runs could write to
 * it within the tick of the kernel's clock that it has now. */
static int note(Apply *a, const Change *change) {
        RecordEntry *entry = record_find(a->record, change->path);
        FileState original, copy;
        struct stat st;
        int r;

        if (change->kind == CHANGE_REMOVED) {
                if (entry)
                        entry->is_gone = true;
                return 0;
        }
        r = below_stat(a->origin, change->path, &st);
        if (r < 0)
                return r;
        original = file_state(&st);
        copy = original;
        copy.ctime_nsec = 0;
        return record_set(a->record, change->path, &original, &copy);
}

int apply_change(Apply *a, const Change *change) {
        int r = change->kind == CHANGE_REMOVED ? apply_removal(a, change) : apply_content(a, change);

        return r < 0 ? r : note(a, change);
}
