#include "common/agent.h"

#include <string.h>

#include "common/agents-table.h"
#include "common/cleanup.h"

static const Agent agents[] = { AGENTS };

const Agent *agent_find(const char *name) {
        for (size_t i = 0; i < sizeof(agents) / sizeof(*agents); i++)
                if (strcmp(agents[i].name, name) == 0)
                        return &agents[i];
        return NULL;
}

char *agent_next_word(const char **list) {
        size_t n = strcspn(*list, ",");
        const char *word = *list;

        if (n == 0 || strcmp(word, "-") == 0)
                return NULL;
        *list += n + (word[n] == ',');
        return strndup(word, n);
}

/* The word itself, or `--WORD=VALUE`. */
static bool is_word(const char *argument, const char *list) {
        for (;;) {
                _cleanup_free_ char *word = agent_next_word(&list);
                size_t n = word ? strlen(word) : 0;

                if (!word)
                        return false;
                if (strncmp(argument, word, n) == 0 &&
                                (argument[n] == '\0' || (argument[n] == '=' && word[0] == '-')))
                        return true;
        }
}

bool agent_is_plain(const char *name, char *const *arguments) {
        const Agent *agent = agent_find(name);

        for (; agent && arguments && *arguments && strcmp(*arguments, "--") != 0; arguments++)
                if (is_word(*arguments, agent->plain))
                        return true;
        return false;
}
