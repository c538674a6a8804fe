/* The homes of agents. Each has the login of one project, and no other project may have it. */
#pragma once

#include "generator/project.h"

/* A share that has another project's home in it, or lies in one, is an error of the project that shares it;
 * so is Home= of a home that is another project's. `only`: the one that is checked; NULL: all. 0, -ENOMEM.
 */
int agent_homes_check(Project *const *projects, size_t n, const Project *only);
