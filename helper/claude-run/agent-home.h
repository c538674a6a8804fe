/* The homes of agents: whose one is, and whether it is in use. */
#pragma once

#include <stdbool.h>

#include "helper/claude-run/context.h"

/* What a project's settings say of one key of [SECTION], owned; NULL: the project has a mistake, or nothing
 * to say. `only_default`: also NULL if its ini says it. */
char *project_setting(Context *c, const ProjectEntry *p, const char *key, bool only_default);

/* The same of what defaults.ini leaves to a project without an own word, or what is built in. */
char *defaults_setting(Context *c, const char *key);

/* The home of a project, owned, as above. */
char *agent_home_of(Context *c, const ProjectEntry *p, bool only_default);

/* True if a VM that runs has this home: an ad-hoc one on the directory. */
bool agent_home_is_in_use(Context *c, const char *home);
