/* Files that the host reads by name for a VM, and guests that could put something else in their place. */
#pragma once

#include "generator/project.h"

/* A secret or a guest image that lies in a directory which a guest may write is an error of its project.
 * Looks at each project's own shares and at those of all projects (but not of requests, which come and go).
 * `only`: the one that is checked; NULL: all. 0, -ENOMEM. */
int exposed_files_check(Project *const *projects, size_t n, const Project *only);
