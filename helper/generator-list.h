/* The projects of this user, as the generator knows them. */
#pragma once

#include <stddef.h>

typedef struct ProjectEntry {
        char *name, *uuid, *work_directory, *ini, *agent;
} ProjectEntry;

typedef struct ProjectEntries {
        ProjectEntry *items;
        size_t n;
} ProjectEntries;

/* Runs `generator --list` and reads its answer (at most 16 MiB); its messages go to our stderr. 0; -EIO if
 * it said something that is no list; other negative errno. */
int generator_list_read(const char *generator, ProjectEntries *ret);

/* Understands the text of a list. 0, -EIO, -ENOMEM. */
int generator_list_parse(char *text, ProjectEntries *ret);

void project_entries_done(ProjectEntries *e);

/* The project of this name or UUID; NULL if there is none. */
const ProjectEntry *project_entries_find(const ProjectEntries *e, const char *name);

/* The project whose work directory `directory` (canonical) is or lies in, the nearest one; NULL if there is
 * none. `ret_n`: how many have that directory. */
const ProjectEntry *project_entries_here(const ProjectEntries *e, const char *directory, size_t *ret_n);
