/* Which directories a guest may have: THE rule. */
#pragma once

#include <stdbool.h>

#include "generator/user-paths.h"

/* Closes the places of this user's that no guest may ever have. 0, -ENOMEM. */
int shareable_close_places(UserPaths *paths);

/* Adds a directory that no guest may have; `why` completes a sentence that begins with its path. 0, -ENOMEM.
 */
int shareable_close(UserPaths *paths, const char *path, const char *why);

/* The reason why a guest must never get the directory at `place`, or NULL. The home of an agent may lie in
 * our own data directory, where the default ones are. The result is borrowed. */
const char *shareable_refused(const UserPaths *paths, const PathPlace *place, bool is_agent_home);

/* True if the canonical `path` lies in a hidden directory of the home, which the user must open by name
 * first. The default homes of agents do not count. */
bool shareable_is_hidden(const UserPaths *paths, const char *path);

/* The reason why AllowHidden= cannot open the parsed `path`, or NULL. Borrowed. */
const char *shareable_stays_closed(const UserPaths *paths, const char *path);
