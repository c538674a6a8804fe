/* What the guest of a VM that has ended left in the project. */
#pragma once

#include "helper/claude-run/context.h"

/* Prints one line if there is something. */
void left_behind_say(const Context *c, const char *id);
