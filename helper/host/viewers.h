/* Who looks at a VM: programs of this user that hold a session in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The guest's program that shows the agent's terminal, which is a word of each viewer's command line. */
#define PROGRAM_ATTACH "/usr/lib/claude-vm/attach"

/* Those that show an agent's terminal, of all VMs. */
typedef struct Viewers {
        struct Words *items;
        size_t n;
} Viewers;

#define _cleanup_viewers_ _cleanup_(viewers_done)

/* Walks through /proc once, which takes longer than all else that is looked at about a VM. */
void viewers_read(Viewers *ret);
void viewers_done(Viewers *viewers);

/* How many of them show the terminal of this VM. */
unsigned viewers_count(const Viewers *viewers, const char *runtime_dir, const char *id);

/* True if one of claude-run's sessions in the VM has a terminal. */
bool viewers_have_terminal(const char *runtime_dir, const char *id);
