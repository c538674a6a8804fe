#include "helper/host/projects.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "common/path.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/vm-name.h"
#include "helper/json.h"

int generator_json_parse(const char *text, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *array = NULL;

        if (sd_json_parse(text, 0, &array, NULL, NULL) < 0 || !sd_json_variant_is_array(array))
                return -EIO;
        *ret = TAKE_PTR(array);
        return 0;
}

int generator_ask(const char *generator, const char *mode, const char *argument, sd_json_variant **ret) {
        _cleanup_free_ char *text = NULL;
        int status = run_program_read((const char *const[]) { generator, mode, argument, NULL }, &text);
        int r;

        if (status < 0 || status > 1)
                return status < 0 ? status : -EIO;
        *ret = NULL;
        if (!text[0])
                return status;
        r = generator_json_parse(text, ret);
        return r < 0 ? r : status;
}

const char *generator_text(sd_json_variant *object, const char *key) {
        sd_json_variant *member = sd_json_variant_by_key(object, key);

        return member && sd_json_variant_is_string(member) ? sd_json_variant_string(member) : NULL;
}

int project_entries_read(const char *generator, ProjectEntries *ret) {
        _cleanup_json_ sd_json_variant *array = NULL;
        _cleanup_free_ char *text = NULL;
        int r = run_program_read_quietly((const char *const[]) { generator, "--list", NULL }, &text);

        /* 1: a file was bad, and its entry says so */
        if (r < 0 || r > 1)
                return r < 0 ? r : -EIO;
        r = generator_json_parse(text, &array);
        return r < 0 ? r : project_entries_parse(array, ret);
}

/* The generator has checked all of it; but these words name units and files, so no guest may choose them. */
static bool is_good(const ProjectEntry *e) {
        if (e->error)
                return vm_name_is_project(e->name) && e->ini[0] == '/' && !printable_check(e->ini) &&
                                !printable_check(e->error) &&
                                (!e->work_directory ||
                                                (e->work_directory[0] == '/' &&
                                                                !printable_check(e->work_directory)));
        return vm_name_is_project(e->name) && vm_name_is_uuid(e->uuid) && e->work_directory[0] == '/' &&
                        e->ini[0] == '/' && !printable_check(e->work_directory) &&
                        !printable_check(e->ini) && agent_find(e->agent);
}

static int parse_entry(sd_json_variant *object, ProjectEntry *ret) {
        const struct {
                const char *key;
                char **target;
                bool only_good; /* a project with a mistake may lack it */
        } members[] = {
                { "error", &ret->error, true },
                { "name", &ret->name, false },
                { "uuid", &ret->uuid, true },
                { "workDirectory", &ret->work_directory, true },
                { "file", &ret->ini, false },
                { "agent", &ret->agent, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                const char *text = generator_text(object, members[i].key);

                if (!text && members[i].target != &ret->error && !(ret->error && members[i].only_good))
                        return -EIO;
                if (!text)
                        continue;
                *members[i].target = strdup(text);
                if (!*members[i].target)
                        return -ENOMEM;
        }
        return is_good(ret) ? 0 : -EIO;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const ProjectEntry *) a)->name, ((const ProjectEntry *) b)->name);
}

int project_entries_parse(sd_json_variant *array, ProjectEntries *ret) {
        size_t n = sd_json_variant_elements(array);
        ProjectEntries e = { .items = calloc(n + 1, sizeof(ProjectEntry)) };
        int r = e.items ? 0 : -ENOMEM;

        for (; r >= 0 && e.n < n; e.n++)
                r = parse_entry(sd_json_variant_by_index(array, e.n), &e.items[e.n]);
        if (r < 0) {
                project_entries_done(&e);
                return r;
        }
        if (e.n > 0)
                qsort(e.items, e.n, sizeof(ProjectEntry), compare_names);
        *ret = e;
        return 0;
}

void project_entries_done(ProjectEntries *e) {
        for (size_t i = 0; i < e->n; i++) {
                free(e->items[i].name);
                free(e->items[i].uuid);
                free(e->items[i].work_directory);
                free(e->items[i].ini);
                free(e->items[i].agent);
                free(e->items[i].error);
        }
        free(e->items);
        *e = (ProjectEntries) {};
}

const ProjectEntry *project_entries_find(const ProjectEntries *e, const char *name) {
        for (size_t i = 0; i < e->n; i++)
                if (strcmp(e->items[i].name, name) == 0 || strcasecmp(e->items[i].uuid ?: "", name) == 0)
                        return &e->items[i];
        return NULL;
}

const ProjectEntry *project_entries_here(const ProjectEntries *e, const char *directory, size_t *ret_n) {
        const ProjectEntry *best = NULL;
        size_t best_length = 0;

        *ret_n = 0;
        for (size_t i = 0; i < e->n; i++) {
                size_t n = strlen(e->items[i].work_directory ?: "");

                if (n == 0 || !path_is_in(directory, e->items[i].work_directory) || n < best_length)
                        continue;
                *ret_n = n == best_length ? *ret_n + 1 : 1;
                best = &e->items[i];
                best_length = n;
        }
        return best;
}
