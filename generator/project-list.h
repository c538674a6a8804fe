/* All projects. Two things need a view over all of them: a name in an earlier directory hides it in later
 * ones, and a UUID must be one project's. */
#pragma once

#include "generator/directories.h"
#include "generator/project.h"

typedef struct ProjectList {
        Project **items;
        size_t n, allocated;
} ProjectList;

void project_list_done(ProjectList *list);

/* Reads all projects and requests, and checks them against each other. 0; negative errno: not all could be
 * read for want of memory. */
int project_list_load(Generator *g, ProjectList *list);

/* Checks one more project as if it were in the list, in the place of the one of its name. Its errors alone
 * are said. 0, -ENOMEM. */
int project_list_check(const ProjectList *list, Project *p);
