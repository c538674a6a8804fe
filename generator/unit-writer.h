/* Writes unit files into the generator's output directory, and nothing anywhere else. */
#pragma once

typedef struct UnitWriter UnitWriter;

/* For the directory `path`, which exists; NULL for `path` prints each file on stdout under a line
 * `# PATH` instead. 0, negative errno. */
int unit_writer_new(const char *path, UnitWriter **ret);
UnitWriter *unit_writer_free(UnitWriter *w);

/* Begins the drop-in of `unit`; what is printed until unit_writer_end() is its text. 0, negative errno. */
int unit_writer_begin_dropin(UnitWriter *w, const char *unit);

/* Writes the file exclusively. 0; -EEXIST: there is one of this name; other negative errno, also for what
 * could not be printed. */
int unit_writer_end(UnitWriter *w);

/* A link `TARGET.wants/UNIT` to the installed unit file `path`. */
int unit_writer_want(UnitWriter *w, const char *target, const char *unit, const char *path);

/* Strings up to a NULL, as they are. */
void unit_writer_print(UnitWriter *w, const char *first, ...) __attribute__((sentinel));

/* `value` for a setting that takes the rest of its line: `%` doubled. */
void unit_writer_print_raw(UnitWriter *w, const char *value);

/* `value` inside double quotes: quotes and backslashes escaped, `%` doubled. */
void unit_writer_print_quoted(UnitWriter *w, const char *value);

/* `NAME=value` as one quoted word of Environment=. */
void unit_writer_print_environment(UnitWriter *w, const char *name, const char *value);
