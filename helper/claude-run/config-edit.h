/* An ini in the user's editor. */
#pragma once

#include "helper/claude-run/context.h"

/* Edits a copy of the project's ini and puts it in place when the generator finds no error in it. 0 or an
 * exit status. */
int config_edit(Context *c, const char *name);
