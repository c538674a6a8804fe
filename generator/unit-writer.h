/* Writes unit files into the generator's output directory, and nothing anywhere else. */
#pragma once

#include "common/cleanup.h"

typedef struct UnitWriter UnitWriter;

/* For the directory `path`, which exists; NULL for `path` prints each file on stdout under a line
 * `# PATH` instead. 0, negative errno. */
int unit_writer_new(const char *path, UnitWriter **ret);
UnitWriter *unit_writer_free(UnitWriter *w);
DEFINE_CLEANUP(UnitWriter *, unit_writer_free, unit_writer_cleanup)

/* Begins the drop-in of `unit`; what is printed until unit_writer_end() is its text. 0, negative errno. */
int unit_writer_begin_dropin(UnitWriter *w, const char *unit);

/* Creates the file. 0; -EEXIST: a file of this name exists; -EBADMSG: a value was refused; other negative
 * errno, also if an earlier call to print failed. After an error it leaves no new file.
 */
int unit_writer_end(UnitWriter *w);

/* What unit_writer_end() would say of the text so far, and nothing is written. With -EBADMSG the refused
 * value, borrowed until the next file, and what it has; see printable_check(). */
int unit_writer_check(const UnitWriter *w, const char **ret_value, const char **ret_why);

/* A link `TARGET.wants/UNIT` to the installed unit file `path`. */
int unit_writer_want(UnitWriter *w, const char *target, const char *unit, const char *path);

/* For no directory: what a program that runs the VM itself must know, as JSON (json-writer.h) on stdout, in
 * place of the files. An object has the unit's name and one of `environment`, `credential`, `wants` and
 * `directive`, whose text is the value as systemd would understand it. 0, negative errno. */
int unit_writer_new_json(UnitWriter **ret);

/* Ends the array. 0, -EIO. */
int unit_writer_end_json(UnitWriter *w);

/* One setting as a line of its own: the literal `before`, values, the literal `after` with the line end.
 * `key` is its member in JSON. */
#define unit_writer_begin_line(w, key, before) unit_writer_begin((w), "" key "", "" before "")
#define unit_writer_end_line(w, after) unit_writer_finish((w), "" after "\n")
void unit_writer_begin(UnitWriter *w, const char *key, const char *before);
void unit_writer_finish(UnitWriter *w, const char *after);

/* The grammar around the values: a literal of the program, which may end a line. A value does not compile.
 */
#define unit_writer_print_literal(w, literal) unit_writer_append((w), "" literal "")
void unit_writer_append(UnitWriter *w, const char *text);

/* Values. One that printable_check() refuses is not written, and neither is the file; outside of quotes none
 * may end with a backslash. */

/* What a value outside of quotes has that is refused; NULL: it is written. */
const char *unit_writer_refuses(const char *value);

/* As it is, for a setting that expands no specifiers. */
void unit_writer_print_verbatim(UnitWriter *w, const char *value);

/* For a setting that takes the rest of its line: `%` doubled. */
void unit_writer_print_raw(UnitWriter *w, const char *value);

/* Inside double quotes: quotes and backslashes escaped, `%` doubled. */
void unit_writer_print_quoted(UnitWriter *w, const char *value);

/* `NAME=value` as one quoted word of Environment=. */
void unit_writer_print_environment(UnitWriter *w, const char *name, const char *value);

/* The same for a text that an ini has between its words, where a tab may stand: no path has one. */
void unit_writer_print_environment_text(UnitWriter *w, const char *name, const char *value);
