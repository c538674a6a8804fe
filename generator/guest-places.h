/* Where the guest has the shares. */
#pragma once

#include "generator/parser.h"

/* The reason why no share may be mounted at `path` in the guest, as the rest of a sentence, or NULL. */
const char *guest_place_refused(const UserPaths *paths, const char *path);

/* The same for what is at its path of the host: the work directory, and its repository. */
const char *guest_place_refused_for_work(const UserPaths *paths, const char *path);

/* Decides where the guest has the work directory, and moves the shares below /work there. Call it after the
 * last line and before the work directory becomes a share. */
void guest_places_complete(Parser *parser);
