#include "helper/host/agent-state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/whole-file.h"

#define FILE_NAME "/agent-state"
#define TEXT_MAX 64U

static const char *const words[] = { [AGENT_WORKING] = "working", [AGENT_WAITING] = "waiting" };

const char *agent_state_word(AgentState state) {
        return words[state];
}

int agent_state_write(const char *vm_dir, AgentState state, uint64_t since_usec) {
        _cleanup_free_ char *path = strjoin(vm_dir, FILE_NAME, NULL),
                            *next = strjoin(vm_dir, FILE_NAME ".new", NULL);
        char text[TEXT_MAX];
        int n, r;

        if (!path || !next)
                return -ENOMEM;
        n = snprintf(text, sizeof(text), "%s %" PRIu64 "\n", words[state], since_usec);
        unlink(next);
        r = whole_file_create(next, 0600, text, (size_t) n);
        return r < 0 ? r : rename(next, path) < 0 ? -errno : 0;
}

AgentState agent_state_read(const char *vm_dir, uint64_t *ret_since_usec) {
        _cleanup_free_ char *path = strjoin(vm_dir, FILE_NAME, NULL), *text = NULL;
        char word[16];

        *ret_since_usec = 0;
        if (!path || whole_file_read(path, TEXT_MAX, &text) < 0 ||
                        sscanf(text, "%15s %" SCNu64, word, ret_since_usec) != 2)
                return AGENT_UNKNOWN;
        for (AgentState state = AGENT_WORKING; state <= AGENT_WAITING; state++)
                if (strcmp(word, words[state]) == 0)
                        return state;
        return AGENT_UNKNOWN;
}
