/* The settings of a project as a person asks for them. */
#pragma once

#include "generator/project.h"

/* Prints an object with section, key and value for each setting of a good project, in the order of the table
 * of keys and then the variables in that of the file; with file and line, unless it is the default. A key
 * without a value is left out. 0, negative errno. */
int show_project(const Project *p);
