/* The agents that a VM can run: what generator, helper and claude-run know of each, from the table `agents`.
 */
#pragma once

#include <stdbool.h>

typedef struct Agent {
        const char *name;
        const char *secrets; /* comma-separated names of variables; `-`: none */
        const char *plain;   /* arguments with which it needs no terminal, likewise */
} Agent;

/* The agent of this name; NULL if there is none. */
const Agent *agent_find(const char *name);

/* True if the agent, run with these arguments (NULL: none), prints and ends, so that pipes are enough. */
bool agent_is_plain(const char *name, char *const *arguments);

/* Returns the next name of a comma-separated list and advances the list. Owned; NULL at its end or without
 * memory.
 */
char *agent_next_word(const char **list);
