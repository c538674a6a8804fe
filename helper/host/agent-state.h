/* Whether a VM's agent works or waits for its user: a file in the VM's directory, which the helper writes
 * and claude-run reads. */
#pragma once

#include <stdint.h>

typedef enum AgentState {
        AGENT_UNKNOWN, /* it has not said */
        AGENT_WORKING,
        AGENT_WAITING,
} AgentState;

/* "working" or "waiting"; NULL if it is not known. */
const char *agent_state_word(AgentState state);

/* Replaces the file; `since_usec` is of CLOCK_REALTIME. 0, negative errno. */
int agent_state_write(const char *vm_dir, AgentState state, uint64_t since_usec);

/* Reads it. AGENT_UNKNOWN, and 0 for the time, if there is none. */
AgentState agent_state_read(const char *vm_dir, uint64_t *ret_since_usec);
