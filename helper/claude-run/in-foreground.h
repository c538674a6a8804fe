/* A VM without a service manager, as processes of this one, in its cgroup. */
#pragma once

#include "helper/claude-run/context.h"

/* Runs the agent with the arguments of the command line in a fresh VM, and ends both. An exit status: the
 * agent's, or that of the VM's end. */
int in_foreground(Context *c);
