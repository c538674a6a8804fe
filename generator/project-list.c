#include "generator/project-list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "generator/agent-homes.h"
#include "generator/directories.h"
#include "generator/exposed-files.h"
#include "generator/project.h"

void project_list_done(ProjectList *list) {
        for (size_t i = 0; i < list->n; i++)
                project_free(list->items[i]);
        free(list->items);
}

static int project_list_add(ProjectList *list, Project *p) {
        if (list->n == list->allocated) {
                size_t allocated = list->allocated > 0 ? list->allocated * 2 : 64;
                Project **grown = reallocarray(list->items, allocated, sizeof(Project *));

                if (!grown) {
                        project_free(p);
                        return -ENOMEM;
                }
                list->items = grown;
                list->allocated = allocated;
        }
        list->items[list->n++] = p;
        return 0;
}

/* `seen` has the names of the earlier directories, already sorted. */
static bool is_hidden(char **seen, size_t n, const char *name) {
        return seen && n > 0 && bsearch(&name, seen, n, sizeof(char *), directories_compare_names);
}

/* The files of this name in the directories before `dir`; a request has none. */
static int find_earlier(const Generator *g, const char *dir, const char *name, Project *p) {
        int r = 0;

        if (p->is_request)
                return 0;
        for (char **earlier = g->config_dirs; r >= 0 && earlier && *earlier && *earlier != dir; earlier++)
                r = strv_appendf(&p->earlier, "%s/%s", *earlier, name);
        return r;
}

/* Moves the names over. */
static int add_seen(char ***seen, size_t n_seen, char **names) {
        size_t n = strv_length(names);
        char **grown = reallocarray(*seen, n_seen + n + 1, sizeof(char *));

        if (!grown)
                return -ENOMEM;
        for (size_t i = 0; names && i < n; i++)
                grown[n_seen + i] = TAKE_PTR(names[i]);
        grown[n_seen + n] = NULL;
        *seen = grown;
        /* those of one directory are sorted already */
        if (n_seen > 0)
                qsort(grown, n_seen + n, sizeof(char *), directories_compare_names);
        return 0;
}

static int load_directory(Generator *g, const char *dir, bool requests, char ***seen, ProjectList *list) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t n_seen = strv_length(*seen);
        const char *why;
        int r;

        r = directories_list(dir, &fd, &names);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                messages_say("%s: cannot be read: %s", dir, strerror(-r));
                g->failed = true;
                return 0;
        }
        directories_drop_surplus(g, dir, names);
        why = directories_distrusted(fd);
        for (size_t i = 0; names && names[i]; i++) {
                Project *p;

                if (is_hidden(*seen, n_seen, names[i]))
                        continue;
                r = project_load(&g->paths, &g->defaults, fd, dir, names[i], requests, &p);
                if (r == 0 && why)
                        messages_error(&p->messages, 0, "its directory '%s' %s", dir, why);
                if (r == 0)
                        r = project_list_add(list, p);
                if (r == 0)
                        r = find_earlier(g, dir, names[i], p);
                if (r == -ENOMEM)
                        return r;
        }
        return requests ? 0 : add_seen(seen, n_seen, names);
}

/* Of two with one UUID the one whose line says so comes later, and has the error. */
static int compare_uuids(const void *a, const void *b) {
        const Project *const *x = a, *const *y = b;
        int r = strcmp((*x)->uuid, (*y)->uuid);

        if (r == 0)
                r = ((*x)->lines[SETTING_UUID] > 0) - ((*y)->lines[SETTING_UUID] > 0);
        return r != 0 ? r : strcmp((*x)->id, (*y)->id);
}

/* Empty without one: then the project is broken. */
static const char *work_directory_of(const Project *p) {
        return p->values[SETTING_WORK_DIRECTORY] ?: "";
}

static int compare_work_directories(const void *a, const void *b) {
        const Project *const *x = a, *const *y = b;
        int r = strcmp(work_directory_of(*x), work_directory_of(*y));

        return r != 0 ? r : strcmp((*x)->id, (*y)->id);
}

/* True if the project's UUID must differ from all others. A request has a fresh one, and a broken project
 * has no VM. */
static bool has_uuid(const Project *p) {
        return !p->is_request && p->messages.n_errors == 0;
}

static void check_uuid(Project *p, const Project *other) {
        if (has_uuid(p) && has_uuid(other) && strcmp(p->uuid, other->uuid) == 0)
                messages_error(&p->messages, p->lines[SETTING_UUID],
                                "UUID=%s is also that of %s: give each project its own", p->uuid,
                                other->path);
}

static void check_uuids(ProjectList *list) {
        const Project *last = NULL;
        bool any = false;

        /* UUIDs made from names differ as the names do */
        for (size_t i = 0; i < list->n; i++)
                any |= list->items[i]->values[SETTING_UUID] != NULL;
        if (!any)
                return;
        qsort(list->items, list->n, sizeof(Project *), compare_uuids);
        for (size_t i = 0; i < list->n; i++) {
                if (last)
                        check_uuid(list->items[i], last);
                if (has_uuid(list->items[i]))
                        last = list->items[i];
        }
}

/* Only warns: two configurations of one directory can be meant, but rarely are. */
static void check_work_directories(ProjectList *list) {
        qsort(list->items, list->n, sizeof(Project *), compare_work_directories);
        for (size_t i = 1; i < list->n; i++) {
                const Project *a = list->items[i - 1];
                Project *b = list->items[i];

                if (!a->is_request && !b->is_request && work_directory_of(b)[0] &&
                                strcmp(work_directory_of(a), work_directory_of(b)) == 0)
                        messages_warning(&b->messages, 0,
                                        "WorkDirectory=%s is also that of %s: claude-run in it will ask which one",
                                        work_directory_of(b), a->path);
        }
}

int project_list_load(Generator *g, ProjectList *list) {
        _cleanup_strv_free_ char **seen = NULL;
        _cleanup_free_ char *requests = NULL;
        int r = defaults_load(&g->paths, g->config_dirs, &g->defaults);

        if (r < 0)
                return r;
        /* that is a mistake of each project, and one also without any */
        for (size_t i = 0; i < g->defaults.n; i++)
                g->failed |= g->defaults.items[i].error != NULL;
        for (size_t i = 0; g->config_dirs && g->config_dirs[i]; i++) {
                r = load_directory(g, g->config_dirs[i], false, &seen, list);
                if (r < 0)
                        return r;
        }
        if (g->paths.runtime_dir) {
                requests = strjoin(g->paths.runtime_dir, "/claude-microvm/requests", NULL);
                if (!requests)
                        return -ENOMEM;
                r = load_directory(g, requests, true, &seen, list);
                if (r < 0)
                        return r;
        }
        if (list->n == 0)
                return 0;
        check_uuids(list);
        check_work_directories(list);
        r = agent_homes_check(list->items, list->n, NULL);
        return r < 0 ? r : exposed_files_check(list->items, list->n, NULL);
}

int project_list_check(const ProjectList *list, Project *p) {
        _cleanup_free_ Project **all = calloc(list->n + 1, sizeof(Project *));
        size_t n = 0;
        int r;

        if (!all)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i]->id, p->id) != 0)
                        all[n++] = list->items[i];
        for (size_t i = 0; i < n; i++)
                check_uuid(p, all[i]);
        all[n++] = p;
        r = agent_homes_check(all, n, p);
        return r < 0 ? r : exposed_files_check(all, n, p);
}
