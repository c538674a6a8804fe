/* The generator's run over all configuration directories. */
#pragma once

#include "generator/directories.h"
#include "generator/project.h"
#include "generator/unit-writer.h"

/* Takes the directories from the environment. 0, negative errno. */
int generator_init(Generator *g);
void generator_done(Generator *g);

/* Reads all projects and requests and writes them to `w`. 0; negative errno: not all could be
 * read for want of memory. Bad files only set `failed`. */
int generator_run(Generator *g, UnitWriter *w);

/* Prints an object with name, uuid, workDirectory, file and agent for each good project, see json-writer.h;
 * for one with a mistake name, file, error and, if it could be read, workDirectory. */
int generator_list(Generator *g);

/* Prints one object: `own`, where the user's file of this name is or would be, and `effective`, the file
 * that counts, if there is one. */
int generator_find(Generator *g, const char *name);

/* Prints the settings of a project, by its name or file: see show.h. */
int generator_show(Generator *g, const char *word);

/* Reads one file as a project (or as a request, when its name is a UUID); with `w`, writes it. */
int generator_run_file(Generator *g, const char *path, UnitWriter *w);
