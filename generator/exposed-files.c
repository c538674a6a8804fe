/* systemd reads the file of a credential, and QEMU those of an image, by their names and
 * through links. A guest that may write to the directory of such a name could put a link
 * there to any file of this user's, and a guest would be given what is in it. Share roots are
 * another case: links that a guest can have made do not count when an ini is read
 * (common/path-walk.c), and none counts when the directory is opened (helper/share/share-root.c), so a
 * project may lie in another one's work directory. */

#include "generator/exposed-files.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A directory that a guest may write. Borrowed from its project. */
typedef struct Root {
        const char *directory;
        const Project *project;
        const Share *share;
} Root;

typedef struct Roots {
        Root *items;
        size_t n;
        char directory[PATH_MAX]; /* of the last look-up: secrets lie beside each other */
        const Root *found;        /* what it lies in */
} Roots;

static int compare_roots(const void *a, const void *b) {
        return strcmp(((const Root *) a)->directory, ((const Root *) b)->directory);
}

static int compare_path(const void *path, const void *root) {
        return strcmp(path, ((const Root *) root)->directory);
}

static int add_roots(Roots *roots, const Project *p) {
        Root *grown = reallocarray(roots->items, roots->n + p->n_shares + 1, sizeof(Root));

        if (!grown)
                return -ENOMEM;
        roots->items = grown;
        for (size_t i = 0; i < p->n_shares; i++)
                if (!p->shares[i].read_only)
                        roots->items[roots->n++] = (Root) { p->shares[i].directory, p, &p->shares[i] };
        return 0;
}

/* The root that is this directory or the nearest above it, or NULL. Shortens the path. */
static const Root *find_above(const Roots *roots, char *directory) {
        const Root *root;
        char *slash;

        if (roots->n == 0)
                return NULL;
        while (!(root = bsearch(directory, roots->items, roots->n, sizeof(Root), compare_path))) {
                slash = strrchr(directory, '/');
                if (!slash || slash == directory)
                        return NULL;
                *slash = '\0';
        }
        return root;
}

/* The root that the directory of `n` bytes is or lies in, or NULL. */
static const Root *find_root(Roots *roots, const char *path, size_t n) {
        char directory[PATH_MAX];

        if (n == 0 || n >= sizeof(directory))
                return NULL;
        if (strncmp(roots->directory, path, n) != 0 || roots->directory[n] != '\0') {
                memcpy(directory, path, n);
                directory[n] = '\0';
                strcpy(roots->directory, directory);
                roots->found = find_above(roots, directory);
        }
        return roots->found;
}

/* `path` is the directory of `n` bytes, or a file in it. */
static void check_path(
                Project *p, Roots *roots, const char *key, unsigned line, const char *path, size_t n) {
        const Root *root = find_root(roots, path, n);

        if (root)
                messages_error(&p->messages, line,
                                "%s=%s: lies in the share '%s' of %s, whose guest could put a link to any file of yours there: move it out of '%s'",
                                key, path, root->share->tag, root->project->path, root->directory);
}

static size_t length_of_parent(const char *path) {
        const char *name = strrchr(path, '/');

        return name ? (size_t) (name - path) : 0;
}

static void check_files(Project *p, Roots *roots, const AssignmentList *list) {
        for (size_t i = 0; i < list->n; i++) {
                const Assignment *a = &list->items[i];

                check_path(p, roots, a->name, a->line, a->value, length_of_parent(a->value));
        }
}

static bool has_guest_directory(const Project *p) {
        return setting_value(p->values, SETTING_GUEST)[0] == '/';
}

/* Of an image the files in its directory are read. */
static void check_guest(Project *p, Roots *roots) {
        const char *directory = p->values[SETTING_GUEST];

        check_path(p, roots, "Guest", p->lines[SETTING_GUEST], directory, strlen(directory));
}

static void check_project(Project *p, Roots *roots) {
        check_files(p, roots, &p->credentials);
        check_files(p, roots, &p->encrypted_credentials);
        if (has_guest_directory(p))
                check_guest(p, roots);
}

/* Sorts nothing when there is nothing to check, as in most configurations. */
static bool is_asked(const Project *p, const Project *only) {
        return (!only || p == only) && p->messages.n_errors == 0 &&
                        (p->credentials.n > 0 || p->encrypted_credentials.n > 0 || has_guest_directory(p));
}

static int check_own(Project *p) {
        Roots own = {};
        int r = add_roots(&own, p);

        if (r >= 0 && own.n > 0) {
                qsort(own.items, own.n, sizeof(Root), compare_roots);
                check_project(p, &own);
        }
        free(own.items);
        return r;
}

int exposed_files_check(Project *const *projects, size_t n, const Project *only) {
        Roots roots = {};
        bool needed = false;
        int r = 0;

        for (size_t i = 0; i < n; i++)
                needed |= is_asked(projects[i], only);
        for (size_t i = 0; needed && r >= 0 && i < n; i++)
                if (!projects[i]->is_request && projects[i]->messages.n_errors == 0)
                        r = add_roots(&roots, projects[i]);
        if (roots.n > 0)
                qsort(roots.items, roots.n, sizeof(Root), compare_roots);
        for (size_t i = 0; needed && r >= 0 && i < n; i++) {
                if (!is_asked(projects[i], only))
                        continue;
                if (projects[i]->is_request)
                        r = check_own(projects[i]);
                if (r >= 0 && projects[i]->messages.n_errors == 0)
                        check_project(projects[i], &roots);
        }
        free(roots.items);
        return r;
}
