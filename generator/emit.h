/* From a project to its drop-ins. */
#pragma once

#include "project.h"
#include "unit-writer.h"

/* Writes all that systemd has to know of a project or a request; of a broken one, why it cannot
 * start. 0, negative errno. */
int emit_project(UnitWriter *w, const Project *p);
