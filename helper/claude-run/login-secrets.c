#include "helper/claude-run/login-secrets.h"

#include <stdbool.h>
#include <string.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "helper/claude-run/memory.h"

static bool is_set(char *const *settings, const char *name) {
        for (; settings && *settings; settings++) {
                const char *line = strchr(*settings, '\n');

                if (line && strncmp(line + 1, name, strlen(name)) == 0 && line[1 + strlen(name)] == '=')
                        return true;
        }
        return false;
}

/* An option is a section and a line. */
static char *agent_of(const char *agent, char *const *settings) {
        static const char prefix[] = "[Project]\nAgent=";

        for (; settings && *settings; settings++)
                if (strncmp(*settings, prefix, strlen(prefix)) == 0)
                        agent = *settings + strlen(prefix);
        return NEED(strndup(agent, strcspn(agent, "\n")));
}

void login_secrets_print(FILE *f, const char *agent, char *const *settings) {
        _cleanup_free_ char *name = agent_of(agent, settings);
        const Agent *known = agent_find(name);
        /* the generator will report an unknown agent */
        const char *list = known ? known->secrets : "";

        for (;;) {
                _cleanup_free_ char *secret = agent_next_word(&list);

                if (!secret)
                        return;
                if ((getenv(secret) ?: "")[0] && !is_set(settings, secret))
                        fprintf(f, "[Credentials]\n%s\n", secret);
        }
}
