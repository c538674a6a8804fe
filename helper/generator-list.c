#include "generator-list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "path.h"
#include "run-program.h"

int generator_list_read(const char *generator, ProjectEntries *ret) {
        _cleanup_free_ char *text = NULL;
        int r = run_program_read((char *[]) { (char *) generator, (char *) "--list", NULL }, &text);

        /* 1: some file was bad, which it has said; the others are in the list */
        if (r > 1)
                return -EIO;
        return r < 0 ? r : generator_list_parse(text, ret);
}

static int parse_line(char *line, ProjectEntry *ret) {
        char **fields[] = { &ret->name, &ret->uuid, &ret->work_directory, &ret->ini, &ret->agent };
        char *rest = line;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *field = strsep(&rest, "\t");

                if (!field || !field[0])
                        return -EIO;
                *fields[i] = strdup(field);
                if (!*fields[i])
                        return -ENOMEM;
        }
        return rest ? -EIO : 0;
}

int generator_list_parse(char *text, ProjectEntries *ret) {
        ProjectEntries e = {};
        char *line;
        int r = 0;

        while (r >= 0 && text && text[0]) {
                ProjectEntry *grown = reallocarray(e.items, e.n + 1, sizeof(ProjectEntry));

                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                e.items = grown;
                e.items[e.n++] = (ProjectEntry) {};
                line = strsep(&text, "\n");
                r = parse_line(line, &e.items[e.n - 1]);
        }
        if (r < 0) {
                project_entries_done(&e);
                return r;
        }
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
        }
        free(e->items);
        *e = (ProjectEntries) {};
}

const ProjectEntry *project_entries_find(const ProjectEntries *e, const char *name) {
        for (size_t i = 0; i < e->n; i++)
                if (strcmp(e->items[i].name, name) == 0 || strcasecmp(e->items[i].uuid, name) == 0)
                        return &e->items[i];
        return NULL;
}

const ProjectEntry *project_entries_here(const ProjectEntries *e, const char *directory, size_t *ret_n) {
        const ProjectEntry *best = NULL;
        size_t best_length = 0;

        *ret_n = 0;
        for (size_t i = 0; i < e->n; i++) {
                size_t n = strlen(e->items[i].work_directory);

                if (!path_is_in(directory, e->items[i].work_directory) || n < best_length)
                        continue;
                *ret_n = n == best_length ? *ret_n + 1 : 1;
                best = &e->items[i];
                best_length = n;
        }
        return best;
}
