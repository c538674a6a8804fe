/* What a helper does in other ways when claude-run --foreground runs it, and no systemd. */
#pragma once

#include <stdbool.h>

/* In the environment of every program of a foreground VM. */
#define FOREGROUND_VARIABLE "CLAUDE_VM_FOREGROUND"

bool foreground_mode(void);

/* The kernel kills this process with the one that started it, if that is a foreground VM's. A change of
 * credentials undoes it, so call it after the last one. */
void foreground_bind(void);
