/* Looks through a directory for what programs of the host obey. */
#pragma once

#include "helper/changes/findings.h"

/* Adds what lies in `directory` to the list; `prefix` stands before each name. Follows no link, opens
 * nothing but directories and regular files, and stops at limits, where the list becomes incomplete. 0,
 * negative errno. */
int scan_directory(const char *directory, const char *prefix, Findings *f);
