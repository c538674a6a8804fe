/* Who looks at a VM: programs of this user that hold a session in it. */
#pragma once

#include <stdbool.h>

/* The guest's program that shows the agent's terminal, which is a word of each viewer's command line. */
#define PROGRAM_ATTACH "/usr/lib/claude-vm/attach"

/* How many show the agent's terminal. */
unsigned viewers_count(const char *runtime_dir, const char *id);

/* True if one of claude-run's sessions in the VM has a terminal. */
bool viewers_have_terminal(const char *runtime_dir, const char *id);
