/* UserConfig=: the share that shows a guest its user's own CLAUDE.md, skills and the like. */
#pragma once

#include "generator/parser.h"

/* Adds the share if the project is to have it and the user has such a directory. */
void user_config_add(Parser *parser);

/* Finds out where agents of the host have their configuration. 0, -ENOMEM. */
int user_config_find_all(UserPaths *paths);

/* Refuses shares in which a guest could write what such an agent obeys. Call it when nothing changes the
 * shares any more. */
void user_config_check_shares(Parser *parser);
