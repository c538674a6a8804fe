/* Who looks at the terminal of a VM's agent. */
#pragma once

/* The guest's program that shows it; ssh of a viewer has it in its command line. */
#define PROGRAM_ATTACH "/usr/lib/claude-vm/attach"

/* How many viewers of this user the VM has. */
unsigned viewers_count(const char *runtime_dir, const char *id);
