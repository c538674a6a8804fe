/* Writes unit files into the generator's output directory, and nothing anywhere else. */
#pragma once

#include <stdio.h>

typedef struct UnitWriter UnitWriter;

/* For the directory `path`, which exists; NULL for `path` prints each file on stdout under a line
 * `# PATH` instead. 0, negative errno. */
int unit_writer_new(const char *path, UnitWriter **ret);
UnitWriter *unit_writer_free(UnitWriter *w);

/* Begins the drop-in of `unit`; what is printed to `ret` until unit_writer_end() is its text.
 * The stream is the writer's. 0, negative errno. */
int unit_writer_begin_dropin(UnitWriter *w, const char *unit, FILE **ret);

/* The same for the whole of a unit. */
int unit_writer_begin_unit(UnitWriter *w, const char *unit, FILE **ret);

/* Writes the file exclusively. -EEXIST: there is one of this name. */
int unit_writer_end(UnitWriter *w);

/* A link `TARGET.wants/UNIT` to the installed unit file `path`. */
int unit_writer_want(UnitWriter *w, const char *target, const char *unit, const char *path);

/* `value` for a setting that takes the rest of its line: `%` doubled. */
void unit_print_raw(FILE *f, const char *value);

/* `value` inside double quotes: quotes and backslashes escaped, `%` doubled. */
void unit_print_quoted(FILE *f, const char *value);

/* `NAME=value` as one quoted word of Environment=. */
void unit_print_environment(FILE *f, const char *name, const char *value);
