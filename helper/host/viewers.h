/* Who looks at a VM: programs of this user that hold a session in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The guest's program that shows the agent's terminal, which is a word of each viewer's command line. */
#define PROGRAM_ATTACH "/usr/lib/claude-vm/attach"

/* Those that show an agent's terminal, of all VMs. Begins as {}. */
typedef struct Viewers {
        struct Words *items;
        size_t n;
        bool is_read;
} Viewers;

#define _cleanup_viewers_ _cleanup_(viewers_done)

/* How many of them show the terminal of this VM. Walks through /proc the first time, which takes longer than
 * all else that is looked at about a VM. */
unsigned viewers_count(Viewers *viewers, const char *runtime_dir, const char *id);
void viewers_done(Viewers *viewers);

/* True if one of claude-run's sessions in the VM has a terminal. */
bool viewers_have_terminal(const char *runtime_dir, const char *id);
