/* What a helper does in other ways when claude-run --foreground runs it, and no systemd. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* In the environment of every program of a foreground VM. */
#define FOREGROUND_VARIABLE "CLAUDE_VM_FOREGROUND"

bool foreground_mode(void);

/* Says who starts this process: its parent at the beginning, or, before fork(), the caller itself. */
void foreground_set_parent(pid_t pid);

/* The kernel kills this process with the one that started it, if that is a foreground VM's. Exits if that
 * one has ended already. A change of credentials undoes it, so call it after the last one. */
void foreground_bind(void);
