/* `list --watch`: the list that renews itself, with keys for what one does with a VM. */
#pragma once

#include "helper/claude-run/context.h"

/* Until the user has enough. 0 or an exit status, and has said on stderr why it is not 0. */
int watch(Context *c);
