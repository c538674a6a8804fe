/* A file that nobody has written to since it was copied is not read: the kernel of the host keeps the time
 * of its last change, and no guest can set that. Only the others are compared with the original, byte by
 * byte.
 *
 * git's own directories are left out. What is in them makes git run programs; commits come over with
 * branch.c. */

#include "helper/copy/difference.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/obeyed-names.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "helper/copy/below.h"
#include "helper/copy/tree.h"

typedef struct Finder {
        int origin, work;
        Record *record;
        const char *protect;
        Changes changes;
} Finder;

const char *change_kind(ChangeKind kind) {
        static const char *const names[N_CHANGE_KINDS] = {
                [CHANGE_NEW] = "new",
                [CHANGE_CHANGED] = "changed",
                [CHANGE_REMOVED] = "removed",
        };

        return names[kind];
}

const char *change_refusal(ChangeRefusal refusal) {
        static const char *const sentences[N_CHANGE_REFUSALS] = {
                [REFUSAL_NONE] = NULL,
                [REFUSAL_SET_ID] = "has a set-user-ID or set-group-ID bit",
                [REFUSAL_LINK] = "is a link that may lead out of the project",
                [REFUSAL_PROTECTED] = "is a name that programs of this machine obey",
                [REFUSAL_REPOSITORY] =
                                "is a git repository, whose configuration programs of this machine obey",
                [REFUSAL_SPECIAL] = "is a socket, a FIFO or a device",
        };

        return sentences[refusal];
}

/* --- what is refused -------------------------------------------------------------------- */

bool change_link_stays(const char *path, const char *target) {
        unsigned depth = 0;

        for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
                depth++;
        if (target[0] == '/')
                return false;
        /* the steps up come first: after a step down, `..` is relative to where other links lead */
        for (; strncmp(target, "..", 2) == 0 && (target[2] == '/' || target[2] == '\0'); depth--) {
                if (depth == 0)
                        return false;
                target += target[2] == '/' ? 3 : 2;
        }
        while (*target) {
                size_t n = strcspn(target, "/");

                if (n == 2 && memcmp(target, "..", 2) == 0)
                        return false;
                target += n;
                target += strspn(target, "/");
        }
        return true;
}

/* True if `name`, of `n` bytes, is the path or a directory on it, from its beginning on or from a later
 * component. Some file systems do not tell `.Envrc` from `.envrc`. */
static bool is_on_path(const char *path, const char *name, size_t n) {
        for (const char *p = path;; p++) {
                if (strncasecmp(p, name, n) == 0 && (p[n] == '/' || p[n] == '\0'))
                        return true;
                p = strchr(p, '/');
                if (!p)
                        return false;
        }
}

bool change_is_obeyed(const char *path, const char *protect) {
        const char *word = protect;
        size_t n;

        if (strcmp(protect, PROTECT_NOTHING) == 0)
                return false;
        for (size_t i = 0; obeyed_name(i); i++)
                if (obeyed_name(i)->is_protected &&
                                is_on_path(path, obeyed_name(i)->path, strlen(obeyed_name(i)->path)))
                        return true;
        for (; (n = setting_next_word(&word)) > 0; word += n)
                if (is_on_path(path, word, n))
                        return true;
        return false;
}

static ChangeRefusal refusal_of(const Finder *f, const TreeEntry *e) {
        mode_t mode = e->st.st_mode;
        char target[PATH_MAX];
        ssize_t n;

        if (S_ISREG(mode) && mode & (S_ISUID | S_ISGID))
                return REFUSAL_SET_ID;
        if (change_is_obeyed(e->path, f->protect))
                return REFUSAL_PROTECTED;
        if (!S_ISLNK(mode))
                return S_ISREG(mode) || S_ISDIR(mode) ? REFUSAL_NONE : REFUSAL_SPECIAL;
        n = readlinkat(e->directory, e->name, target, sizeof(target));
        if (n < 0 || n >= (ssize_t) sizeof(target))
                return REFUSAL_LINK;
        target[n] = '\0';
        return change_link_stays(e->path, target) ? REFUSAL_NONE : REFUSAL_LINK;
}

/* --- changes ---------------------------------------------------------------------------- */

static int add(Finder *f, const char *path, const Change *change) {
        Changes *c = &f->changes;

        /* doubled, as in record.c */
        if ((c->n & (c->n - 1)) == 0) {
                Change *grown = reallocarray(c->items, c->n ? 2 * c->n : 1, sizeof(Change));

                if (!grown)
                        return -ENOMEM;
                c->items = grown;
        }
        c->items[c->n] = *change;
        c->items[c->n].path = strdup(path);
        return c->items[c->n].path ? (int) (c->n++, 0) : -ENOMEM;
}

static bool have_same_bytes(int a, int b) {
        static char x[65536], y[sizeof(x)];

        for (off_t at = 0;;) {
                ssize_t n = pread(a, x, sizeof(x), at), m = pread(b, y, sizeof(y), at);

                if (n < 0 || n != m || memcmp(x, y, (size_t) n) != 0)
                        return false;
                if (n == 0)
                        return true;
                at += n;
        }
}

static bool is_same_file(const Finder *f, const char *path) {
        struct stat a, b;
        _cleanup_close_ int original = below_open_file(f->origin, path, &a),
                            copy = below_open_file(f->work, path, &b);

        return original >= 0 && copy >= 0 && a.st_size == b.st_size &&
                        !(a.st_mode & S_IXUSR) == !(b.st_mode & S_IXUSR) && have_same_bytes(original, copy);
}

static ssize_t read_link(int root, const char *path, char target[static PATH_MAX]) {
        const char *name;
        _cleanup_close_ int parent = below_parent(root, path, &name);

        return parent < 0 ? -1 : readlinkat(parent, name, target, PATH_MAX);
}

static bool is_same_link(const Finder *f, const char *path) {
        char a[PATH_MAX], b[PATH_MAX];
        ssize_t n = read_link(f->origin, path, a), m = read_link(f->work, path, b);

        return n >= 0 && n == m && memcmp(a, b, (size_t) n) == 0;
}

static bool is_same(const Finder *f, const TreeEntry *e, const struct stat *original) {
        if ((e->st.st_mode & S_IFMT) != (original->st_mode & S_IFMT))
                return false;
        return S_ISREG(original->st_mode)            ? is_same_file(f, e->path)
                        : S_ISLNK(original->st_mode) ? is_same_link(f, e->path)
                                                     : true;
}

/* The original at a path: false if there is none, or only behind a link. */
static bool has_original(const Finder *f, const char *path, struct stat *ret) {
        return below_stat(f->origin, path, ret) >= 0;
}

static bool is_as_copied(const RecordEntry *entry, const struct stat *original) {
        FileState now = file_state(original);

        return file_state_is_same(&entry->original, &now);
}

static int compare(Finder *f, const TreeEntry *e, const RecordEntry *entry) {
        struct stat original;
        bool exists = has_original(f, e->path, &original);
        Change change = {
                .kind = exists || entry ? CHANGE_CHANGED : CHANGE_NEW,
                .refusal = refusal_of(f, e),
                .mode = e->st.st_mode,
                .size = (uint64_t) e->st.st_size,
                .is_conflict = entry ? !exists || !is_as_copied(entry, &original) : exists,
        };

        if (exists && is_same(f, e, &original))
                return 0;
        /* what a server listens on is nobody's loss */
        return change.refusal == REFUSAL_SPECIAL && !entry ? 0 : add(f, e->path, &change);
}

/* --- repositories ----------------------------------------------------------------------- */

static bool is_dot_git(const char *name) {
        return strcasecmp(name, ".git") == 0;
}

static bool has(const TreeEntry *e, const char *name) {
        char path[NAME_MAX + sizeof("/commondir")];

        stpcpy(stpcpy(stpcpy(path, e->name), "/"), name);
        return faccessat(e->directory, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As git itself decides, of a directory that is not called .git. */
static bool is_bare_repository(const TreeEntry *e) {
        return S_ISDIR(e->st.st_mode) && has(e, "HEAD") &&
                        (has(e, "commondir") || (has(e, "objects") && has(e, "refs")));
}

/* What is not looked at is not removed either. */
static void see_below(Record *record, const char *path) {
        size_t n = strlen(path);

        for (size_t i = 0; i < record->n; i++)
                if (strncmp(record->entries[i].path, path, n) == 0 && record->entries[i].path[n] == '/')
                        record->entries[i].is_seen = true;
}

/* A repository that was there when the copy was made is left alone; one that is new is named. */
static int skip_repository(Finder *f, const TreeEntry *e, RecordEntry *entry) {
        const Change change = { .refusal = REFUSAL_REPOSITORY, .mode = e->st.st_mode };
        struct stat st;
        int r = 0;

        if (entry)
                entry->is_seen = true;
        see_below(f->record, e->path);
        if (!entry && strcmp(e->path, ".git") != 0 && !has_original(f, e->path, &st))
                r = add(f, e->path, &change);
        return r < 0 ? r : TREE_SKIP;
}

/* --- the whole -------------------------------------------------------------------------- */

static int visit(void *userdata, const TreeEntry *e) {
        Finder *f = userdata;
        RecordEntry *entry = record_find(f->record, e->path);
        FileState now = file_state(&e->st);

        if (is_dot_git(e->name) || is_bare_repository(e))
                return skip_repository(f, e, entry);
        if (entry) {
                entry->is_seen = true;
                if (file_state_is_untouched(&entry->copy, &now))
                        return 0;
        }
        return compare(f, e, entry);
}

/* True if `.git` is on the path: the repository was removed in the copy, which removes none here. */
static bool is_in_git(const char *path) {
        return is_on_path(path, ".git", strlen(".git"));
}

static int add_removed(Finder *f) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < f->record->n; i++) {
                const RecordEntry *entry = &f->record->entries[i];
                struct stat original;

                if (entry->is_seen || entry->is_gone || is_in_git(entry->path) ||
                                !has_original(f, entry->path, &original))
                        continue;

                const Change change = {
                        .kind = CHANGE_REMOVED,
                        .refusal = change_is_obeyed(entry->path, f->protect) ? REFUSAL_PROTECTED
                                                                             : REFUSAL_NONE,
                        .mode = original.st_mode,
                        .size = (uint64_t) original.st_size,
                        .is_conflict = !is_as_copied(entry, &original),
                };

                r = add(f, entry->path, &change);
        }
        return r;
}

static int compare_changes(const void *a, const void *b) {
        return strcmp(((const Change *) a)->path, ((const Change *) b)->path);
}

int difference_find(int origin, int work, Record *record, const char *protect, Changes *ret) {
        Finder f = { .origin = origin, .work = work, .record = record, .protect = protect };
        Tree tree = { .root = work, .visit = visit, .userdata = &f };
        int r;

        for (size_t i = 0; i < record->n; i++)
                record->entries[i].is_seen = false;
        r = tree_walk(&tree);
        f.changes.is_incomplete = tree.is_incomplete;
        if (r >= 0 && !tree.is_incomplete)
                r = add_removed(&f);
        if (r < 0) {
                changes_done(&f.changes);
                return r;
        }
        if (f.changes.n > 0)
                qsort(f.changes.items, f.changes.n, sizeof(Change), compare_changes);
        *ret = f.changes;
        return 0;
}

void changes_done(Changes *changes) {
        for (size_t i = 0; i < changes->n; i++)
                free(changes->items[i].path);
        free(changes->items);
        *changes = (Changes) {};
}
