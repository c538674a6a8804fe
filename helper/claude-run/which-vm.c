#include "helper/claude-run/which-vm.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/run-program.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"

int which_vm_directory(Context *c, char **ret) {
        const char *word = c->options->directory ?: ".";

        *ret = realpath(word, NULL);
        return *ret ? 0 : fail(EXIT_CONFIGURATION, "the directory '%s': %s", word, strerror(errno));
}

static int too_many(const char *directory, char *const *names) {
        fail(0, "%zu VMs have the directory '%s'; name one of them:", strv_length(names), directory);
        for (; *names; names++)
                say_line(stderr, "  claude-run attach %s", *names);
        return EXIT_CONFIGURATION;
}

/* The ad-hoc VMs that run on a directory. */
static int running_here(Context *c, const char *directory, char ***ret) {
        _cleanup_strv_free_ char **units = NULL, **names = NULL;
        int r = context_manager(c);

        if (r != 0)
                return r;
        r = manager_list(c->manager, "claude-vm@*.service", &units, NULL);
        for (size_t i = 0; r >= 0 && units && units[i]; i++) {
                _cleanup_free_ char *work = NULL, *id = vm_name_of_unit(units[i]);

                if (!id || !vm_name_is_uuid(id))
                        continue;
                r = manager_environment(c->manager, units[i], PARAMETER_WORK_DIRECTORY, &work);
                if (r > 0 && strcmp(work, directory) == 0)
                        memory_need(strv_append(&names, id) >= 0);
        }
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to look for VMs: %s", strerror(-r));
        *ret = TAKE_PTR(names);
        return 0;
}

static int projects_here(Context *c, const char *directory, char ***ret) {
        const ProjectEntry *p;
        size_t n;

        p = project_entries_here(&c->projects, directory, &n);
        if (!p)
                return 0;
        if (strcmp(directory, p->work_directory) != 0)
                fail(0, "project '%s' (%s)", p->name, p->work_directory);
        for (size_t i = 0; i < c->projects.n; i++)
                if (strcmp(c->projects.items[i].work_directory ?: "", p->work_directory) == 0)
                        memory_need(strv_append(ret, c->projects.items[i].name) >= 0);
        return 0;
}

int which_vm_here(Context *c, char **ret) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_strv_free_ char **names = NULL;
        int r;

        *ret = NULL;
        r = which_vm_directory(c, &directory);
        if (r == 0)
                r = context_projects(c);
        if (r == 0)
                r = projects_here(c, directory, &names);
        if (r == 0 && !names)
                r = running_here(c, directory, &names);
        if (r != 0 || !names)
                return r;
        if (names[1])
                return too_many(directory, names);
        *ret = NEED(strdup(names[0]));
        return 0;
}

static bool may_be_prefix(const char *word) {
        return strlen(word) >= WHICH_VM_PREFIX && strspn(word, "0123456789abcdef-") == strlen(word);
}

char *which_vm_pick(char *const *names, const char *word) {
        const char *found = NULL;
        bool many = false;

        for (; names && *names; names++) {
                if (strcmp(*names, word) == 0)
                        return NEED(strdup(word));
                if (!may_be_prefix(word) || !vm_name_is_uuid(*names) ||
                                strncmp(*names, word, strlen(word)) != 0)
                        continue;
                many = found;
                found = *names;
        }
        return found && !many ? NEED(strdup(found)) : NULL;
}

/* The ad-hoc VM whose UUID begins with the word; NULL if there is none, or more than one. */
static char *find_prefix(Context *c, const char *word) {
        _cleanup_strv_free_ char **units = NULL, **names = NULL;

        if (!may_be_prefix(word) || context_manager(c) != 0 ||
                        manager_list(c->manager, "claude-vm@*.service", &units, NULL) < 0)
                return NULL;
        for (char **unit = units; unit && *unit; unit++) {
                _cleanup_free_ char *id = vm_name_of_unit(*unit);

                if (id && vm_name_is_uuid(id))
                        memory_need(strv_append(&names, id) >= 0);
        }
        return which_vm_pick(names, word);
}

int which_vm_resolve(Context *c, const char *word, char **ret) {
        const ProjectEntry *p;
        int r;

        if (!vm_name_is_id(word))
                return fail(EXIT_USAGE, "'%s' is not a valid VM name, which is a UUID or " VM_NAME_RULE,
                                word);
        /* what runs needs no look at the projects */
        if (!which_vm_has_sessions(c, word)) {
                r = context_projects(c);
                if (r != 0)
                        return r;
        }
        p = project_entries_find(&c->projects, word);
        *ret = p || vm_name_is_uuid(word) ? NULL : find_prefix(c, word);
        if (!*ret)
                *ret = NEED(strdup(p ? p->name : word));
        return 0;
}

/* A project whose ini is bad is in no list, but has a drop-in. */
static bool is_configured(Context *c, const char *id) {
        _cleanup_free_ char *unit = vm_unit_name(id);

        return unit && (c->manager || manager_connect(&c->manager) >= 0) &&
                        manager_is_configured(c->manager, unit);
}

static bool is_prefix(Context *c, const char *word) {
        _cleanup_free_ char *id = find_prefix(c, word);

        return id;
}

bool which_vm_exists(Context *c, const char *word) {
        if (!vm_name_is_id(word))
                return false;
        if (which_vm_has_sessions(c, word))
                return true;
        return (context_projects(c) == 0 && project_entries_find(&c->projects, word)) ||
                        is_configured(c, word) || is_prefix(c, word);
}

int which_vm_check(Context *c, const char *id) {
        return which_vm_exists(c, id)
                        ? 0
                        : fail(EXIT_CONFIGURATION,
                                          "no project and no VM is called '%s'; see: claude-run list", id);
}

int which_vm_only(Context *c, char **ret) {
        int r;

        if (c->options->n_words > 1)
                return fail(EXIT_USAGE, "expected one VM, got also '%s'", c->options->words[1]);
        if (c->options->n_words == 1)
                return which_vm_resolve(c, c->options->words[0], ret);
        r = which_vm_here(c, ret);
        if (r != 0 || *ret)
                return r;
        return fail(EXIT_CONFIGURATION,
                        "no project has this directory and no VM runs on it. To start one: claude-run");
}

int which_vm_each(Context *c, int (*run)(Context *c, const char *id)) {
        int result = 0;

        if (c->options->n_words == 0) {
                _cleanup_free_ char *id = NULL;
                int r = which_vm_only(c, &id);

                return r != 0 ? r : run(c, id);
        }
        for (unsigned i = 0; i < c->options->n_words; i++) {
                _cleanup_free_ char *id = NULL;
                int r = which_vm_resolve(c, c->options->words[i], &id);

                if (r == 0)
                        r = run(c, id);
                if (r != 0)
                        result = r;
                if (r == 128 + SIGINT)
                        break;
        }
        return result;
}

bool which_vm_has_sessions(const Context *c, const char *id) {
        _cleanup_free_ char *path = NEED(runtime_path_vm_file(c->runtime_dir, id, "ssh/control"));

        return access(path, F_OK) == 0;
}

/* The VM that was last on this directory, owned; NULL if the journal has none. */
static char *find_last(Context *c) {
        _cleanup_free_ char *directory = NULL, *match = NULL, *text = NULL;

        if (which_vm_directory(c, &directory) != 0)
                return NULL;
        match = NEED(strjoin("CLAUDE_VM_DIRECTORY=", directory, NULL));
        if (run_program_read((const char *const[]) { c->options->journalctl, "--user", "--quiet",
                                             "--no-pager", "--reverse", "--lines=1", "--output=cat",
                                             "--output-fields=CLAUDE_VM", match, NULL },
                            &text) != 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return vm_name_is_id(text) ? TAKE_PTR(text) : NULL;
}

/* The VM that has ended whose UUID begins with the word, owned; NULL if the journal has none, or more. */
static char *find_in_journal(Context *c, const char *word) {
        _cleanup_strv_free_ char **names = NULL;
        _cleanup_free_ char *text = NULL;
        char *rest, *name;

        if (!may_be_prefix(word) || which_vm_exists(c, word) ||
                        run_program_read((const char *const[]) { c->options->journalctl, "--user", "--quiet",
                                                         "--field=CLAUDE_VM", NULL },
                                        &text) != 0)
                return NULL;
        rest = text;
        while ((name = strsep(&rest, "\n")))
                memory_need(strv_append(&names, name) >= 0);
        return which_vm_pick(names, word);
}

static int find_word(Context *c, char **ret) {
        int r = which_vm_only(c, ret);
        char *ended = r == 0 ? find_in_journal(c, *ret) : NULL;

        if (ended) {
                free(*ret);
                *ret = ended;
        }
        return r;
}

int which_vm_or_last(Context *c, char **ret) {
        int r;

        if (c->options->n_words > 0)
                return find_word(c, ret);
        r = which_vm_here(c, ret);
        if (r != 0 || *ret)
                return r;
        *ret = find_last(c);
        return *ret ? 0 : which_vm_only(c, ret);
}
