/* An ini in the user's editor. */
#pragma once

#include "helper/claude-run/context.h"

/* Edits a copy of the project's ini and puts it in place when the generator finds no error in it. 0 or an
 * exit status. */
int config_edit(Context *c, const char *name);

/* Adds a line to the end of the project's ini, in its section, or takes out the lines that are `line`. Both
 * check the outcome before it takes the file's place. 0 or an exit status. */
int config_add_line(Context *c, const char *name, const char *section, const char *line);
int config_remove_line(Context *c, const char *name, const char *line);

/* Gives a key its value: in the line that has it, else in one at the end, as above. */
int config_set_line(Context *c, const char *name, const char *section, const char *key, const char *value);
