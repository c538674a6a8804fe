/* Errors about keys that this version does not know. */
#pragma once

#include "generator/messages.h"

/* Refuses `key` in `section` with what was probably meant: the key's own section, or a name that differs
 * in a letter or two. */
void unknown_key_refuse(Messages *m, unsigned place, const char *section, const char *key);
