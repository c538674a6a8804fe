/* The project files that claude-run writes. What they mean, only the generator knows. */
#pragma once

#include <stdio.h>

#include "helper/claude-run/context.h"
#include "helper/claude-run/ini-origin.h"

/* Prints the settings of the command line for a VM on `directory`, as sections and lines, and adds where
 * each line is from. */
void project_ini_print(FILE *f, const Context *c, const char *directory, char ***origins);

/* Refuses a directory, or a CLAUDE_HOME, whose name an ini cannot contain. 0 or an exit status. */
int project_ini_check_lines(const char *directory);

/* Writes them as the ini of the project `name`; never over another file. 0 or an exit status. */
int project_ini_make(Context *c, const char *directory, const char *name);

/* Where the user's ini of a name is or would be, and the one that counts, which may be the administrator's;
 * NULL if there is none. Both owned. 0 or an exit status. */
int project_ini_find(const Context *c, const char *name, char **ret_own, char **ret_effective);

/* True if the generator finds no error in a file; else it has said what is wrong. */
bool project_ini_check(const Context *c, const IniOrigin *origin);
