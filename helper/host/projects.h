/* The projects of this user, as the generator knows them. */
#pragma once

#include <stddef.h>
#include <systemd/sd-json.h>

typedef struct ProjectEntry {
        char *name, *uuid, *work_directory, *ini, *agent;
        char *error; /* of a project that cannot start: it has no UUID and no agent, and maybe no directory
                      */
} ProjectEntry;

typedef struct ProjectEntries {
        ProjectEntry *items;
        size_t n;
} ProjectEntries;

/* Runs the generator with a mode and an argument (or NULL) and reads the array of objects that it prints (at
 * most 16 MiB), see generator/json-writer.h; its messages go to our stderr. The exit status, 0 or 1 for a
 * bad file; -EIO if it failed or what it said is no such array; other negative errno. `ret` is NULL if it
 * printed nothing. */
int generator_ask(const char *generator, const char *mode, const char *argument, sd_json_variant **ret);

/* The text of one member of an object, borrowed; NULL if there is none. */
const char *generator_text(sd_json_variant *object, const char *key);

/* Asks for the list of projects; what is wrong with one is in its entry alone. 0, negative errno. */
int project_entries_read(const char *generator, ProjectEntries *ret);

/* Understands a list. 0; -EIO if an entry is not what the generator writes; -ENOMEM. */
int project_entries_parse(sd_json_variant *array, ProjectEntries *ret);

/* The array in a text. 0, -EIO. */
int generator_json_parse(const char *text, sd_json_variant **ret);

void project_entries_done(ProjectEntries *e);

/* The project of this name or UUID; NULL if there is none. */
const ProjectEntry *project_entries_find(const ProjectEntries *e, const char *name);

/* The project whose work directory `directory` (canonical) is or lies in, the nearest one; NULL if there is
 * none. `ret_n`: how many have that directory. */
const ProjectEntry *project_entries_here(const ProjectEntries *e, const char *directory, size_t *ret_n);
