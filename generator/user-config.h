/* UserConfig=: the share that shows a guest its user's own CLAUDE.md, skills and the like. */
#pragma once

#include "generator/parser.h"

/* Adds the share if the project is to have it and the user has such a directory. */
void user_config_add(Parser *parser);

/* True if the canonical `directory` is one in which an agent of the host has its configuration, or lies in
 * it. */
bool user_config_has(const UserPaths *paths, const char *directory);
