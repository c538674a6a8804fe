/* A guest's root can undo nothing of what the mount namespace of its virtiofsd has: there, a protected name
 * is a mount of itself. It is read-only, and a mount point cannot be removed or renamed. A rename of a
 * directory above a mount point is allowed, and would carry it away; so each directory on the way is a mount
 * of itself as well, and stays writable.
 *
 * Two things follow for git in the guest. A rename between `.git` and the rest of the project is one across
 * file systems, which git does not do. And `.git/config` cannot be protected like this: git replaces it by a
 * rename, on the host too, and the kernel takes a mount off a name that is replaced from outside of its
 * namespace.
 *
 * Names are opened without following a link, below the root, and mounts are made on what was opened. A guest
 * of another VM that may write there can rename it between the two; so each name is opened again, and must
 * then lead into the new mount. What such a guest does later is not kept from it: it has the directory, and
 * its own Protect= decides.
 *
 * Git in a guest that does not see a worktree's files would take the worktree for gone and forget it. So
 * what git keeps about such worktrees is read-only, and the guest's configuration tells git to leave it
 * alone, so that it goes on past it.
 *
 * The scan looks at the project's own repository only, and at `.git/modules` below it. A repository that
 * lies deeper in the project is not protected, and `claude-run changes` names it. */

#include "helper/share/protect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/obeyed-names.h"
#include "common/open-below.h"
#include "common/path.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"

#define TRIES 8U              /* for a name that is moved meanwhile */
#define MODULES_MAX 4096U     /* directories below .git/modules */
#define MODULES_DEPTH_MAX 16U /* of them */
#define GIT_FILE_MAX 4096U

/* How a name is mounted on itself. */
typedef enum BindMode {
        BIND_AS_IT_IS,  /* once: a mount that is there already will do */
        BIND_READ_ONLY, /* with all that is mounted below */
        BIND_WRITABLE,  /* in a directory that is read-only */
} BindMode;

typedef struct Protection {
        const Protect *what;
        int root;
        unsigned n_modules;
        char **notes;
        char *name; /* that an error is about */
} Protection;

static bool exists(int root, const char *path) {
        _cleanup_close_ int fd = open_below(root, path, O_PATH);

        return fd >= 0;
}

static int add_note(Protection *p, const char *path, const char *text) {
        return strv_appendf(&p->notes, "'%s' %s", path, text);
}

static int statx_of(int fd, struct statx *ret) {
        return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, ret) < 0
                        ? -errno
                        : 0;
}

/* 1: `path` leads into the mount `tree`; 0: it was moved; negative errno. */
static int leads_into(int root, const char *path, int tree) {
        _cleanup_close_ int fd = open_below(root, path, O_PATH);
        struct statx found, wanted;
        int r;

        if (fd < 0)
                return fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR ? 0 : fd;
        r = statx_of(fd, &found);
        if (r >= 0)
                r = statx_of(tree, &wanted);
        return r < 0 ? r : found.stx_mnt_id == wanted.stx_mnt_id;
}

/* Makes what `fd` has opened a mount of itself. Returns a descriptor of the mount. */
static int mount_on_itself(int fd, BindMode mode) {
        struct mount_attr attr = { .attr_set = mode == BIND_READ_ONLY ? MOUNT_ATTR_RDONLY : 0,
                .attr_clr = mode == BIND_WRITABLE ? MOUNT_ATTR_RDONLY : 0 };
        _cleanup_close_ int tree = open_tree(
                        fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

        if (tree < 0)
                return -errno;
        if (mode != BIND_AS_IT_IS &&
                        mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
                return -errno;
        if (move_mount(tree, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return -errno;
        return TAKE_FD(tree);
}

static int try_bind(int root, const char *path, BindMode mode) {
        _cleanup_close_ int fd = open_below(root, path, O_PATH), tree = -EBADF;
        struct statx st;
        int r;

        if (fd < 0)
                return fd;
        r = statx_of(fd, &st);
        if (r < 0)
                return r;
        if (mode == BIND_AS_IT_IS && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
                return 1;
        tree = mount_on_itself(fd, mode);
        return tree < 0 ? tree : leads_into(root, path, tree);
}

static int bind_name(Protection *p, const char *path, BindMode mode) {
        int r = 0;

        for (unsigned i = 0; r == 0 && i < TRIES; i++)
                r = try_bind(p->root, path, mode);
        return r == 0 ? -EBUSY : r > 0 ? 0 : r;
}

/* The directories on the way to `path`, from the top. */
static int bind_parents(Protection *p, const char *path) {
        _cleanup_free_ char *parent = strdup(path);
        int r = parent ? 0 : -ENOMEM;

        for (char *slash = parent; r >= 0 && (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = '\0';
                r = bind_name(p, parent, BIND_AS_IT_IS);
        }
        return r;
}

static bool is_linked(int dir, const char *name) {
        struct stat st;

        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode) && st.st_nlink > 1;
}

/* True if a file in the directory has another name. */
static bool has_linked(int root, const char *path) {
        int fd = open_below(root, path, O_RDONLY | O_DIRECTORY);
        _cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (fd >= 0 && !d)
                close(fd);
        while (d && (entry = readdir(d)))
                if (is_linked(fd, entry->d_name))
                        return true;
        return false;
}

/* Whoever knows another name of a file writes to it by that name, past the mount. */
static int note_hard_links(Protection *p, const char *path) {
        _cleanup_close_ int fd = open_below(p->root, path, O_PATH);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        if (S_ISREG(st.st_mode) ? st.st_nlink <= 1 : !has_linked(p->root, path))
                return 0;
        return add_note(p, path,
                        "is or has a file with another name, by which a guest may write it: copy the file over itself");
}

static int fail(Protection *p, const char *path, int error) {
        free(p->name);
        p->name = strdup(path);
        return error;
}

/* A name that does not exist is fine: nothing is put in its place. */
static int protect_name(Protection *p, const char *path) {
        _cleanup_close_ int fd = open_below(p->root, path, O_PATH);
        int r;

        if (fd == -ENOENT || fd == -ENOTDIR)
                return 0;
        if (fd == -ELOOP)
                return add_note(p, path,
                                "is or goes through a symbolic link, which is never followed, so the guest may replace it");
        r = fd < 0 ? fd : bind_parents(p, path);
        if (r >= 0)
                r = bind_name(p, path, BIND_READ_ONLY);
        return r < 0 ? fail(p, path, r) : note_hard_links(p, path);
}

static int protect_modules(Protection *p, const char *path, unsigned depth);

static int protect_hooks(Protection *p, const char *git_dir) {
        _cleanup_free_ char *hooks = strjoin(git_dir, "/hooks", NULL);

        return hooks ? protect_name(p, hooks) : -ENOMEM;
}

/* Directories of a repository that have no repository in them. */
static bool is_git_internal(const char *name) {
        static const char *const internal[] = { "branches", "hooks", "info", "lfs", "logs", "objects",
                "refs", "worktrees" };

        for (size_t i = 0; i < ELEMENTSOF(internal); i++)
                if (strcmp(name, internal[i]) == 0)
                        return true;
        return false;
}

/* The name of a submodule may have slashes, so a directory here is a repository or leads to some. It may be
 * both, where a guest has put a HEAD into a directory of the second kind. */
static int protect_module(Protection *p, const char *path, unsigned depth) {
        _cleanup_free_ char *head = strjoin(path, "/HEAD", NULL);
        int r;

        if (!head)
                return -ENOMEM;
        if (++p->n_modules > MODULES_MAX)
                return fail(p, path, -E2BIG);
        if (exists(p->root, head)) {
                r = protect_hooks(p, path);
                if (r < 0)
                        return r;
        }
        return protect_modules(p, path, depth + 1);
}

/* The entries of a directory that are directories, owned; NULL if there are none. */
static int list_directories(Protection *p, const char *path, char ***ret) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        int fd = open_below(p->root, path, O_RDONLY | O_DIRECTORY);

        if (fd < 0)
                return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? 0 : fail(p, path, fd);
        d = fdopendir(fd);
        if (!d) {
                close(fd);
                return -ENOMEM;
        }
        for (const struct dirent *entry; (entry = readdir(d));) {
                struct stat st;

                if (path_is_dots(entry->d_name) ||
                                fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                                !S_ISDIR(st.st_mode))
                        continue;
                if (strv_length(names) >= MODULES_MAX)
                        return fail(p, path, -E2BIG);
                if (strv_append(&names, entry->d_name) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

static int protect_modules(Protection *p, const char *path, unsigned depth) {
        _cleanup_strv_free_ char **names = NULL;
        int r = depth > MODULES_DEPTH_MAX ? fail(p, path, -E2BIG) : list_directories(p, path, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *child = strjoin(path, "/", names[i], NULL);

                if (!child)
                        return -ENOMEM;
                if (!is_git_internal(names[i]))
                        r = protect_module(p, child, depth);
        }
        return r;
}

/* The first line of a file. */
static bool read_line(int root, const char *path, char ret[static GIT_FILE_MAX]) {
        _cleanup_close_ int fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, GIT_FILE_MAX - 1);

        if (n < 0)
                return false;
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
        return true;
}

static unsigned count_components(const char *path) {
        unsigned n = 1;

        while ((path = strchr(path, '/'))) {
                path++;
                n++;
        }
        return n;
}

/* True if the worktree that `admin` (like .git/worktrees/NAME) describes lies in the share: git writes its
 * path, as the host or the guest sees it, or a relative one. */
static bool is_in_share(const Protection *p, const char *admin) {
        _cleanup_free_ char *name = strjoin(admin, "/gitdir", NULL);
        char path[GIT_FILE_MAX];
        unsigned n_up = 0;

        if (!name || !read_line(p->root, name, path) || !path[0])
                return false;
        if (path[0] == '/')
                return path_is_in(path, p->what->directory) || path_is_in(path, p->what->guest) ||
                                path_is_in(path, GUEST_WORK);
        while (strncmp(path + 3 * (size_t) n_up, "../", 3) == 0)
                n_up++;
        return n_up <= count_components(admin);
}

/* To a guest that does not have a worktree it looks as if it were gone, and git forgets those. */
static int protect_worktrees(Protection *p, const char *worktrees) {
        _cleanup_strv_free_ char **names = NULL;
        int r = list_directories(p, worktrees, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *admin = strjoin(worktrees, "/", names[i], NULL);

                if (!admin)
                        return -ENOMEM;
                if (!is_in_share(p, admin))
                        r = protect_name(p, admin);
        }
        return r;
}

static int protect_repository(Protection *p, const char *git_dir) {
        _cleanup_free_ char *modules = strjoin(git_dir, "/modules", NULL),
                            *worktrees = strjoin(git_dir, "/worktrees", NULL);
        int r = modules && worktrees ? bind_parents(p, modules) : -ENOMEM;

        if (r < 0)
                return fail(p, git_dir, r);
        r = protect_hooks(p, git_dir);
        if (r >= 0)
                r = protect_worktrees(p, worktrees);
        return r < 0 ? r : protect_modules(p, modules, 0);
}

/* The guest has one worktree of the repository, and what git keeps about the others is read-only, new ones
 * included. Before any other name: this one is in a directory that is read-only by then. */
static int keep_to_worktree(Protection *p) {
        _cleanup_free_ char *own = strjoin("worktrees/", p->what->worktree, NULL);
        int r = own ? 0 : -ENOMEM;

        if (r < 0 || !p->what->worktree[0] || !exists(p->root, own))
                return r;
        r = bind_name(p, "worktrees", BIND_READ_ONLY);
        if (r >= 0)
                r = bind_name(p, own, BIND_WRITABLE);
        return r < 0 ? fail(p, own, r) : r;
}

/* Reads where a file `.git` leads, if that is a plain path below the root. Owned; NULL: it leads elsewhere.
 */
static char *read_git_file(int root) {
        char text[GIT_FILE_MAX], *path = text + strlen("gitdir: ");

        if (!read_line(root, ".git", text))
                return NULL;
        if (strncmp(text, "gitdir: ", strlen("gitdir: ")) != 0)
                return NULL;
        while (strncmp(path, "./", 2) == 0)
                path += 2;
        return strchr(path, ' ') || protect_refused(path) ? NULL : strdup(path);
}

static int protect_git_file(Protection *p) {
        _cleanup_free_ char *git_dir = read_git_file(p->root);
        int r = protect_name(p, ".git");

        return r < 0 || !git_dir || !exists(p->root, git_dir) ? r : protect_repository(p, git_dir);
}

/* The share itself may be a repository: a bare project, or that of a worktree or submodule. The submodules
 * of a worktree have theirs in what git keeps about the worktree. */
static int protect_bare(Protection *p) {
        _cleanup_free_ char *modules = strjoin("worktrees/", p->what->worktree, "/modules", NULL);
        int r;

        if (!modules)
                return -ENOMEM;
        if (!exists(p->root, "HEAD") || !exists(p->root, "objects") || !exists(p->root, "refs"))
                return 0;
        r = protect_name(p, "hooks");
        if (r >= 0)
                r = protect_modules(p, "modules", 0);
        if (r < 0)
                return r;
        return p->what->worktree[0] ? protect_modules(p, modules, 0) : protect_worktrees(p, "worktrees");
}

static int protect_git(Protection *p) {
        _cleanup_close_ int fd = open_below(p->root, ".git", O_PATH);
        struct stat st;

        if (fd == -ENOENT)
                return protect_bare(p);
        if (fd == -ELOOP)
                return protect_name(p, ".git");
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail(p, ".git", fd < 0 ? fd : -errno);
        return S_ISDIR(st.st_mode) ? protect_repository(p, ".git") : protect_git_file(p);
}

static int protect_one(Protection *p, const char *path) {
        return strcmp(path, OBEYED_GIT_HOOKS) == 0 ? protect_git(p) : protect_name(p, path);
}

static int protect_defaults(Protection *p) {
        int r = 0;

        for (size_t i = 0; r >= 0 && obeyed_name(i); i++)
                if (obeyed_name(i)->is_protected)
                        r = protect_one(p, obeyed_name(i)->path);
        return r;
}

static int protect_words(Protection *p, const char *words) {
        size_t n;
        int r = 0;

        for (; r >= 0 && (n = setting_next_word(&words)) > 0; words += n) {
                _cleanup_free_ char *word = strndup(words, n);

                if (!word)
                        return -ENOMEM;
                r = strcmp(word, PROTECT_DEFAULT) == 0 ? protect_defaults(p) : protect_one(p, word);
        }
        return r;
}

int protect_share(const char *root, const Protect *what, char ***ret_notes, char **ret_name) {
        bool names = strcmp(what->words, PROTECT_NOTHING) != 0;
        _cleanup_close_ int fd = -EBADF;
        Protection p = { .what = what };
        int r;

        if (!names && !what->worktree[0])
                return 0;
        fd = p.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = keep_to_worktree(&p);
        if (r >= 0 && names)
                r = protect_words(&p, what->words);
        if (r < 0) {
                strv_free(p.notes);
                *ret_name = p.name;
                return r;
        }
        free(p.name);
        *ret_notes = p.notes;
        return 0;
}
