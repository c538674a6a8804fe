/* What each mode of the generator does. */

#include "generator/generator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "config.h"
#include "generator/directories.h"
#include "generator/emit.h"
#include "generator/exposed-files.h"
#include "generator/json-writer.h"
#include "generator/project-list.h"
#include "generator/project.h"
#include "generator/shareable.h"
#include "generator/show.h"
#include "generator/user-config.h"

int generator_init(Generator *g) {
        int r;

        *g = (Generator) {};
        r = user_paths_init(&g->paths);
        if (r < 0)
                return r;
        r = shareable_close_places(&g->paths);
        if (r >= 0)
                r = directories_from_environment(g);
        if (r >= 0)
                r = directories_protect(g);
        if (r >= 0)
                r = user_config_find_all(&g->paths);
        if (r < 0)
                generator_done(g);
        return r;
}

void generator_done(Generator *g) {
        if (g->others)
                project_list_done(g->others);
        free(g->others);
        user_paths_done(&g->paths);
        defaults_done(&g->defaults);
        g->config_dirs = strv_free(g->config_dirs);
}

static void emit(Generator *g, UnitWriter *w, Project *p) {
        int r = emit_project(w, p);

        if (r < 0)
                messages_say("%s: cannot write its units: %s", p->path, strerror(-r));
        if (r < 0 || p->messages.n_errors > 0)
                g->failed = true;
}

int generator_run(Generator *g, UnitWriter *w) {
        _cleanup_(project_list_done) ProjectList list = {};
        int r = project_list_load(g, &list);

        for (size_t i = 0; i < list.n; i++)
                emit(g, w, list.items[i]);
        return r;
}

/* What could not be written into a unit is broken also where none is written. */
static int check_units(Project *const *projects, size_t n) {
        _cleanup_(unit_writer_cleanup) UnitWriter *w = NULL;
        int r = unit_writer_new(NULL, &w);

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = emit_check(w, projects[i]);
        return r;
}

static int list_project(JsonWriter *w, const Project *p) {
        const JsonMember members[] = {
                { "name", p->id },
                { "uuid", p->uuid },
                { "workDirectory", p->values[SETTING_WORK_DIRECTORY] },
                { "file", p->path },
                { "agent", setting_value(p->values, SETTING_AGENT) },
        };

        return json_writer_add(w, members, ELEMENTSOF(members));
}

/* Keeps the place of a project with a mistake: nobody wants a VM with other settings there. Skips
 * a project without a name, because it has no unit. */
static int list_broken(JsonWriter *w, const Project *p) {
        const JsonMember members[] = {
                { "name", p->id },
                { "workDirectory", p->values[SETTING_WORK_DIRECTORY] },
                { "file", p->path },
                { "error", p->messages.first_error ?: "see: claude-run doctor" },
        };

        return !p->id[0] || printable_check(p->path) ? 0 : json_writer_add(w, members, ELEMENTSOF(members));
}

int generator_list(Generator *g) {
        _cleanup_(project_list_done) ProjectList list = {};
        JsonWriter w = { .f = stdout };
        int r = project_list_load(g, &list);

        if (r >= 0)
                r = check_units(list.items, list.n);
        for (size_t i = 0; r >= 0 && i < list.n; i++) {
                const Project *p = list.items[i];

                if (p->messages.n_errors > 0)
                        g->failed = true;
                if (!p->is_request)
                        r = p->messages.n_errors > 0 ? list_broken(&w, p) : list_project(&w, p);
        }
        return r < 0 ? r : json_writer_end(&w);
}

/* A project's name may be as long as a UUID. */
static bool is_request(const char *name) {
        char id[37];
        size_t n = strlen(name) - strlen(INI_SUFFIX);

        if (n >= sizeof(id))
                return false;
        memcpy(id, name, n);
        id[n] = '\0';
        return vm_name_is_uuid(id);
}

/* Reads all projects for a file that is checked among them: for all files of a --check once. Their own
 * mistakes are said at each reload. */
static int load_others(Generator *g) {
        bool failed = g->failed;
        int r;

        if (g->others)
                return 0;
        r = defaults_load(&g->paths, g->config_dirs, &g->defaults);
        if (r < 0)
                return r;
        g->others = calloc(1, sizeof(ProjectList));
        if (!g->others)
                return -ENOMEM;
        messages_mute(true);
        r = project_list_load(g, g->others);
        messages_mute(false);
        g->failed = failed;
        return r;
}

/* A candidate that lies elsewhere is not judged by its place. */
static void check_directory(const Generator *g, int fd, const char *dir, Project *p) {
        const char *why = directories_distrusted(fd);

        for (char **d = g->config_dirs; why && d && *d; d++)
                if (strcmp(*d, dir) == 0) {
                        messages_error(&p->messages, 0, "its directory '%s' %s", dir, why);
                        return;
                }
}

/* Reads one file as a project (or as a request, when its name is a UUID). 0, also for a bad one; 1: it masks
 * its name; negative errno, and why is on stderr. */
static int load_file(Generator *g, const char *path, Project **ret) {
        _cleanup_free_ char *dir = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *name;
        int r = directories_split_path(path, &dir, &name);

        if (r < 0)
                return r;
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                messages_say("%s: %s", path, strerror(errno));
                return -errno;
        }
        r = defaults_load(&g->paths, g->config_dirs, &g->defaults);
        if (r < 0)
                return r;
        r = project_load(&g->paths, &g->defaults, fd, dir, name, is_request(name), ret);
        if (r == -ENOENT)
                messages_say("%s: %s", path, strerror(-r));
        if (r == 0)
                check_directory(g, fd, dir, *ret);
        return r;
}

/* What is wrong with the project sets `failed`. */
static int check_project(Generator *g, Project *p, bool among_others) {
        int r = among_others ? project_list_check(g->others, p) : exposed_files_check(&p, 1, NULL);

        if (r >= 0)
                r = check_units(&p, 1);
        if (p->messages.n_errors > 0)
                g->failed = true;
        return r;
}

static bool is_defaults_file(const char *path) {
        const char *slash = strrchr(path, '/');

        return strcmp(slash ? slash + 1 : path, DEFAULTS_FILE) == 0;
}

/* Checks a file that is, or is to become, the defaults of all projects. */
static int check_defaults(Generator *g, const char *path) {
        _cleanup_free_ char *dir = NULL;
        const char *name;
        Defaults d = {};
        struct stat st;
        int r;

        /* it may be missing, but not where it is asked for */
        if (lstat(path, &st) < 0) {
                r = -errno;
                messages_say("%s: %s", path, strerror(-r));
                return r;
        }
        r = directories_split_path(path, &dir, &name);
        if (r >= 0)
                r = defaults_load(&g->paths, (char *const[]) { dir, NULL }, &d);
        if (r >= 0 && d.items[0].error)
                g->failed = true;
        defaults_done(&d);
        return r;
}

int generator_run_file(Generator *g, const char *path, UnitWriter *w) {
        Project *p = NULL;
        int r;

        if (is_defaults_file(path) && !w)
                return check_defaults(g, path);
        r = load_others(g);
        if (r >= 0)
                r = load_file(g, path, &p);
        if (r == 0)
                r = check_project(g, p, true);
        if (r == 0 && w && p->messages.n_errors == 0)
                emit(g, w, p);
        project_free(p);
        return r;
}

int generator_find(Generator *g, const char *name) {
        _cleanup_free_ char *path = NULL, *own = NULL;
        JsonWriter w = { .f = stdout };
        int r = directories_find_file(g, name, &path);

        if (r == -ENOMEM || !g->config_dirs)
                return r;
        own = strjoin(g->config_dirs[0], "/", name, INI_SUFFIX, NULL);
        if (!own)
                return -ENOMEM;
        r = json_writer_add(&w, (JsonMember[]) { { "own", own }, { "effective", path } }, 2);
        if (r == -EILSEQ)
                messages_say("'%s' is not UTF-8: rename the directory", own);
        return r < 0 ? r : json_writer_end(&w);
}

static int show_defaults(Generator *g) {
        Project *p = NULL;
        int r = defaults_load(&g->paths, g->config_dirs, &g->defaults);

        if (r >= 0)
                r = project_load_defaults(&g->paths, &g->defaults, &p);
        if (r >= 0 && p->messages.n_errors > 0)
                g->failed = true;
        else if (r >= 0)
                r = show_project(p);
        project_free(p);
        return r;
}

int generator_show(Generator *g, const char *word) {
        _cleanup_free_ char *found = NULL;
        Project *p = NULL;
        int r;

        if (strcmp(word, VM_NAME_DEFAULTS) == 0)
                return show_defaults(g);
        if (!strchr(word, '/')) {
                r = directories_find_file(g, word, &found);
                if (r == -ENOENT)
                        messages_say("No project '%s'; to make one: claude-run config new %s", word, word);
                if (r < 0)
                        return r;
        }
        r = load_file(g, found ?: word, &p);
        if (r > 0) {
                messages_say("%s: is empty or a link to /dev/null, which masks the project", found ?: word);
                return -ENOENT;
        }
        if (r == 0)
                r = check_project(g, p, false);
        if (r == 0 && p->messages.n_errors == 0)
                r = show_project(p);
        project_free(p);
        return r;
}
