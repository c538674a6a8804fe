/* The repository of a work directory that is a linked worktree of git's, or a submodule. */
#pragma once

#include "generator/parser.h"

/* Adds the repository to the shares if the work directory is one of its places. Call it when all other
 * shares are there. A link that is not mutual, or to what no guest may have, is a warning: the guest itself
 * can have written it. */
void worktree_share(Parser *parser);
