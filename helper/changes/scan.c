/* A guest has written all of it, and may write while this reads. So no name is trusted: each is opened below
 * the root without following a link, what is not a regular file or a directory is not read, and every list,
 * file and depth has an end. What is near the root comes first, so that a guest that fills the project with
 * directories hides only what lies deep.
 *
 * Names that programs obey are looked at first, then git's repositories, wherever one is found: a directory
 * is one for git if it has HEAD and objects and refs, whatever it is called. */

#include "helper/changes/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/obeyed-names.h"
#include "common/open-below.h"
#include "common/path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/whole-file.h"
#include "helper/changes/git-config.h"

#define ENTRIES_MAX 300000U           /* of all directories */
#define QUEUE_MAX (64U * 1024 * 1024) /* bytes of all paths in the queue */
#define SCAN_USEC_MAX (3 * SEC)       /* a VM waits for it */
#define CONTENT_MAX (64U * 1024)      /* a larger file is known by its size and time */
#define CONFIG_MAX (1024U * 1024)     /* of git's */
#define GIT_FILE_MAX 4096U            /* `.git`, commondir */
#define OBEYED_ENTRIES_MAX 2000U      /* below one name that is obeyed */

typedef struct Scan {
        int root;
        const char *prefix;
        Findings *findings;
        char **queue; /* directories to look into, of which `next` were */
        size_t n_queue, next, queue_bytes;
        unsigned n_entries;
        uint64_t deadline_usec;
        const char *config; /* whose settings are read now */
} Scan;

static int add(Scan *s, FindingKind kind, const char *path, const char *name, const char *value,
                size_t size) {
        _cleanup_free_ char *place = strjoin(s->prefix, path, NULL);

        return place ? findings_add(s->findings, kind, place, name, value, size) : -ENOMEM;
}

static int add_text(Scan *s, FindingKind kind, const char *path, const char *name, const char *value) {
        return add(s, kind, path, name, value, strlen(value));
}

/* False when a limit is reached. */
static bool may_go_on(Scan *s) {
        if (s->n_entries < ENTRIES_MAX && usec_now(CLOCK_MONOTONIC) < s->deadline_usec)
                return true;
        s->findings->is_incomplete = true;
        return false;
}

/* The names of a deep chain of directories, one below the other, would grow with the square of its depth. */
static int push(Scan *s, const char *path) {
        size_t size = strlen(path) + 1;
        char **grown;

        if (size > PATH_MAX || size > QUEUE_MAX - s->queue_bytes) {
                s->findings->is_incomplete = true;
                return 0;
        }
        /* doubled, as in findings_add() */
        grown = (s->n_queue & (s->n_queue - 1)) == 0
                        ? reallocarray(s->queue, s->n_queue ? 2 * s->n_queue : 1, sizeof(char *))
                        : s->queue;
        if (!grown)
                return -ENOMEM;
        s->queue_bytes += size;
        s->queue = grown;
        s->queue[s->n_queue] = strdup(path);
        return s->queue[s->n_queue] ? (int) (s->n_queue++, 0) : -ENOMEM;
}

/* --- files ------------------------------------------------------------------------------ */

/* What changes when anybody writes to the file; only the host's kernel sets the time. */
static void print_stat(const struct stat *st, char ret[static 96]) {
        snprintf(ret, 96, "%o %lld %lld.%09ld %llu", st->st_mode, (long long) st->st_size,
                        (long long) st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
                        (unsigned long long) st->st_ino);
}

static int open_regular(Scan *s, const char *path, struct stat *ret) {
        _cleanup_close_ int fd = open_below(s->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
                return fd;
        if (fstat(fd, ret) < 0)
                return -errno;
        return S_ISREG(ret->st_mode) ? TAKE_FD(fd) : -ENOTSUP;
}

/* Mode and content, or what print_stat() has. */
static int add_content(Scan *s, FindingKind kind, const char *path, int fd, const struct stat *st) {
        _cleanup_free_ char *text = NULL, *value = NULL;
        char line[96];
        size_t size;
        int n;

        print_stat(st, line);
        if (st->st_size > CONTENT_MAX)
                return add_text(s, kind, path, "", line);
        if (whole_file_read_fd(fd, CONTENT_MAX, &text, &size) < 0)
                return add_text(s, kind, path, "", line);
        n = snprintf(line, sizeof(line), "%o ", st->st_mode & 0111);
        value = malloc((size_t) n + size + 1);
        if (!value)
                return -ENOMEM;
        memcpy(value, line, (size_t) n);
        memcpy(value + n, text, size);
        return add(s, kind, path, "", value, (size_t) n + size);
}

static int add_link(Scan *s, FindingKind kind, const char *path, int dir, const char *name) {
        char target[PATH_MAX] = "link ";
        ssize_t n = dir < 0 ? -1
                            : readlinkat(dir, name, target + strlen("link "),
                                              sizeof(target) - strlen("link ") - 1);

        return n < 0 ? 0 : add(s, kind, path, "", target, strlen("link ") + (size_t) n);
}

/* A name that ends at a link, or in a directory that is one: what it leads to is not looked at. */
static int add_obeyed_link(Scan *s, const char *path) {
        _cleanup_free_ char *parent = strdup(path);
        _cleanup_close_ int dir = -EBADF;
        char *slash = parent ? strrchr(parent, '/') : NULL;

        if (!parent)
                return -ENOMEM;
        if (!slash)
                return add_link(s, FINDING_FILE, path, s->root, path);
        *slash = '\0';
        dir = open_below(s->root, parent, O_PATH);
        if (dir == -ELOOP)
                return add_obeyed_link(s, parent);
        return dir < 0 ? 0 : add_link(s, FINDING_FILE, path, dir, slash + 1);
}

static int add_file(Scan *s, const char *path) {
        struct stat st;
        _cleanup_close_ int fd = open_regular(s, path, &st);

        if (fd == -ELOOP)
                return add_obeyed_link(s, path);
        return fd < 0 ? 0 : add_content(s, FINDING_FILE, path, fd, &st);
}

/* An entry of a directory; returns false for `.` and `..`, and at the end of it. */
static const struct dirent *next_entry(Scan *s, DIR *d) {
        const struct dirent *entry;

        while ((entry = readdir(d))) {
                s->n_entries++;
                if (!path_is_dots(entry->d_name))
                        return entry;
        }
        return NULL;
}

static DIR *open_directory(Scan *s, const char *path) {
        int fd = path[0] ? open_below(s->root, path, O_RDONLY | O_DIRECTORY)
                         : openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

        if (!d && fd >= 0)
                close(fd);
        return d;
}

static int stat_entry(DIR *d, const char *name, struct stat *ret) {
        int fd = dirfd(d);

        return fd < 0 || fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : 0;
}

static mode_t type_of(DIR *d, const struct dirent *entry) {
        struct stat st;

        switch (entry->d_type) {
        case DT_DIR:
                return S_IFDIR;
        case DT_LNK:
                return S_IFLNK;
        case DT_REG:
                return S_IFREG;
        default:
                return stat_entry(d, entry->d_name, &st) < 0 ? 0 : st.st_mode & S_IFMT;
        }
}

/* --- names that are obeyed --------------------------------------------------------------- */

static int add_tree(Scan *s, const char *path, unsigned depth) {
        _cleanup_closedir_ DIR *d = open_directory(s, path);
        const struct dirent *entry;
        unsigned n = 0;
        int r = 0;

        while (r >= 0 && d && (entry = next_entry(s, d)) && may_go_on(s)) {
                _cleanup_free_ char *child = path_below(path, entry->d_name);

                if (!child)
                        return -ENOMEM;
                if (++n > OBEYED_ENTRIES_MAX || depth > 8) {
                        s->findings->is_incomplete = true;
                        break;
                }
                r = type_of(d, entry) == S_IFDIR ? add_tree(s, child, depth + 1) : add_file(s, child);
        }
        return r;
}

static int add_obeyed(Scan *s, const char *path) {
        _cleanup_close_ int fd = open_below(s->root, path, O_PATH);
        struct stat st;

        if (fd == -ELOOP)
                return add_obeyed_link(s, path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        return S_ISDIR(st.st_mode) ? add_tree(s, path, 0) : add_file(s, path);
}

static int add_all_obeyed(Scan *s) {
        int r = 0;

        for (size_t i = 0; r >= 0 && obeyed_name(i); i++)
                /* hooks are looked at with their repository */
                if (strcmp(obeyed_name(i)->path, OBEYED_GIT_HOOKS) != 0)
                        r = add_obeyed(s, obeyed_name(i)->path);
        return r;
}

/* --- repositories ------------------------------------------------------------------------ */

static int on_setting(void *userdata, const char *name, const char *value) {
        Scan *s = userdata;

        return git_config_is_command(name, value)
                        ? add_text(s, FINDING_SETTING, s->config, name, value ?: "true")
                        : 0;
}

/* A file that git cannot read keeps git from running, until its author repairs it. */
static int add_config(Scan *s, const char *git_dir, const char *name) {
        _cleanup_free_ char *path = path_below(git_dir, name), *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        char line[96];
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        fd = open_regular(s, path, &st);
        if (fd == -ELOOP)
                return add_obeyed_link(s, path);
        if (fd < 0)
                return 0;
        print_stat(&st, line);
        if (st.st_size > CONFIG_MAX || whole_file_read_fd(fd, CONFIG_MAX, &text, &size) < 0)
                return add_text(s, FINDING_FILE, path, "", line);
        s->config = path;
        r = git_config_parse(text, size, on_setting, s);
        s->config = NULL;
        return r == -EBADMSG ? add_text(s, FINDING_FILE, path, "", line) : r;
}

static int add_hooks(Scan *s, const char *git_dir) {
        _cleanup_free_ char *path = path_below(git_dir, "hooks");
        _cleanup_closedir_ DIR *d = NULL;
        const struct dirent *entry;
        int r = 0;

        if (!path)
                return -ENOMEM;
        d = open_directory(s, path);
        if (!d)
                return add_file(s, path); /* a link, perhaps */
        while (r >= 0 && (entry = next_entry(s, d)) && may_go_on(s)) {
                _cleanup_free_ char *hook = path_below(path, entry->d_name);
                size_t n = strlen(entry->d_name);

                if (!hook)
                        return -ENOMEM;
                /* which git never runs */
                if (n < strlen(".sample") || strcmp(entry->d_name + n - strlen(".sample"), ".sample") != 0)
                        r = add_file(s, hook);
        }
        return r;
}

static int add_git_file(Scan *s, const char *git_dir, const char *name) {
        _cleanup_free_ char *path = path_below(git_dir, name);

        return path ? add_file(s, path) : -ENOMEM;
}

static int add_worktrees(Scan *s, const char *git_dir) {
        _cleanup_free_ char *path = path_below(git_dir, "worktrees");
        _cleanup_closedir_ DIR *d = path ? open_directory(s, path) : NULL;
        const struct dirent *entry;
        int r = path ? 0 : -ENOMEM;

        while (r >= 0 && d && (entry = next_entry(s, d)) && may_go_on(s)) {
                _cleanup_free_ char *worktree = path_below(path, entry->d_name);

                r = worktree ? add_config(s, worktree, "config.worktree") : -ENOMEM;
                if (r >= 0)
                        r = add_git_file(s, worktree, "commondir");
        }
        return r;
}

/* All that makes git run something, or look elsewhere for it. */
static int add_repository(Scan *s, const char *git_dir) {
        _cleanup_free_ char *modules = path_below(git_dir, "modules");
        int r = modules ? add_config(s, git_dir, "config") : -ENOMEM;

        if (r >= 0)
                r = add_config(s, git_dir, "config.worktree");
        if (r >= 0)
                r = add_git_file(s, git_dir, "commondir");
        if (r >= 0)
                r = add_hooks(s, git_dir);
        if (r >= 0)
                r = add_worktrees(s, git_dir);
        return r < 0 ? r : push(s, modules);
}

static bool is_dot_git(const char *name) {
        /* on some file systems `.GIT` is the same */
        return strcasecmp(name, ".git") == 0;
}

/* `.git` itself: of the project, or of a repository below it. */
static int add_dot_git(Scan *s, const char *path, mode_t type) {
        int r = 0;

        if (strchr(path, '/'))
                r = add_text(s, FINDING_REPOSITORY, path, "", "");
        if (r < 0)
                return r;
        return type == S_IFDIR ? add_repository(s, path) : add_file(s, path);
}

/* --- the rest ---------------------------------------------------------------------------- */

/* Directories that a PATH may have. */
static bool has_programs(const char *path) {
        static const char *const ends[] = { "node_modules/.bin", "vendor/bin", ".venv/bin", "venv/bin",
                "env/bin" };
        size_t n = strlen(path);

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                size_t length = strlen(ends[i]);

                if (n >= length && strcmp(path + n - length, ends[i]) == 0 &&
                                (n == length || path[n - length - 1] == '/'))
                        return true;
        }
        return strcmp(path, "bin") == 0;
}

static int look_at_file(Scan *s, const char *path, DIR *d, const char *name, bool are_programs) {
        struct stat st;
        char line[96];
        int r = 0;

        if (stat_entry(d, name, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        print_stat(&st, line);
        if (st.st_mode & (S_ISUID | S_ISGID))
                r = add_text(s, FINDING_SET_ID, path, "", line);
        return r < 0 || !are_programs || !(st.st_mode & 0111) ? r
                                                              : add_text(s, FINDING_PROGRAM, path, "", line);
}

/* What a directory has that makes it a repository for git. */
typedef struct Marks {
        bool head, objects, refs, commondir;
} Marks;

static void note_mark(Marks *m, const char *name) {
        m->head |= strcmp(name, "HEAD") == 0;
        m->objects |= strcmp(name, "objects") == 0;
        m->refs |= strcmp(name, "refs") == 0;
        m->commondir |= strcmp(name, "commondir") == 0;
}

static int look_at(Scan *s, const char *path, DIR *d, const struct dirent *entry, bool are_programs) {
        _cleanup_free_ char *child = path_below(path, entry->d_name);
        mode_t type = type_of(d, entry);

        if (!child)
                return -ENOMEM;
        if (is_dot_git(entry->d_name))
                return add_dot_git(s, child, type);
        if (type == S_IFDIR)
                return push(s, child);
        if (type == S_IFLNK)
                return are_programs ? add_link(s, FINDING_PROGRAM, child, dirfd(d), entry->d_name) : 0;
        return look_at_file(s, child, d, entry->d_name, are_programs);
}

/* Takes what a repository keeps its objects in out of the queue, from `first` on. */
static void drop_internals(Scan *s, size_t first, const char *path) {
        static const char *const internals[] = { "objects", "refs", "logs", "hooks", "info", "worktrees",
                "modules" };
        size_t skip = path[0] ? strlen(path) + 1 : 0;

        for (size_t i = first; i < s->n_queue; i++)
                for (size_t j = 0; j < ELEMENTSOF(internals); j++)
                        if (s->queue[i] && strcmp(s->queue[i] + skip, internals[j]) == 0) {
                                free(s->queue[i]);
                                s->queue[i] = NULL;
                        }
}

static int look_into(Scan *s, const char *path) {
        _cleanup_closedir_ DIR *d = open_directory(s, path);
        bool are_programs = has_programs(path);
        const struct dirent *entry;
        size_t first = s->n_queue;
        Marks marks = {};
        int r = 0;

        while (r >= 0 && d && may_go_on(s) && (entry = next_entry(s, d))) {
                note_mark(&marks, entry->d_name);
                r = look_at(s, path, d, entry, are_programs);
        }
        if (r < 0 || !marks.head || !(marks.commondir || (marks.objects && marks.refs)))
                return r;
        drop_internals(s, first, path);
        /* a submodule's repository has been named with its `.git` */
        if (path[0] && !strstr(path, ".git/modules/"))
                r = add_text(s, FINDING_REPOSITORY, path, "", "");
        return r < 0 ? r : add_repository(s, path);
}

/* Breadth first. */
static int walk(Scan *s) {
        int r = push(s, "");

        for (; r >= 0 && s->next < s->n_queue && may_go_on(s); s->next++)
                if (s->queue[s->next])
                        r = look_into(s, s->queue[s->next]);
        return r;
}

int scan_directory(const char *directory, const char *prefix, Findings *f) {
        _cleanup_close_ int root = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        Scan s = {
                .root = root,
                .prefix = prefix,
                .findings = f,
                .deadline_usec = usec_now(CLOCK_MONOTONIC) + SCAN_USEC_MAX,
        };
        int r;

        if (root < 0)
                return -errno;
        r = add_all_obeyed(&s);
        if (r >= 0)
                r = walk(&s);
        for (size_t i = 0; i < s.n_queue; i++)
                free(s.queue[i]);
        free(s.queue);
        return r;
}
