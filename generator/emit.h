/* From a project to its drop-ins. */
#pragma once

#include "generator/project.h"
#include "generator/unit-writer.h"

/* Writes all that systemd must know of a project or a request; of a broken one, why it cannot start. A
 * project with a value that the writer refuses is broken from then on, and its messages say so. 0, negative
 * errno. */
int emit_project(UnitWriter *w, Project *p);

/* Finds out whether `w` would refuse a value of the project, which is broken then; writes nothing. 0,
 * negative errno. */
int emit_check(UnitWriter *w, Project *p);
