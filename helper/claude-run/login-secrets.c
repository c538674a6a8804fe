#include "helper/claude-run/login-secrets.h"

#include <stdbool.h>
#include <string.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "helper/claude-run/memory.h"

/* True if a line of the text sets the variable, or asks for the caller's. */
static bool has_line(const char *text, const char *name) {
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += strspn(line, "\n \t");
                if (strncmp(line, name, strlen(name)) != 0)
                        continue;
                line += strlen(name);
                if (strchr("=\n", line[strspn(line, " \t\r")]))
                        return true;
        }
        return false;
}

static bool is_set(char *const *settings, const char *name) {
        for (; settings && *settings; settings++)
                if (has_line(*settings, name))
                        return true;
        return false;
}

/* One key of the ini's stands for all: the agent may prefer another one of this shell to it. */
static bool has_any(const char *base, const char *list) {
        for (;;) {
                _cleanup_free_ char *secret = agent_next_word(&list);

                if (!secret || has_line(base, secret))
                        return secret;
        }
}

/* An option is a section and a line. */
static char *agent_of(const char *agent, char *const *settings) {
        static const char prefix[] = "[Project]\nAgent=";

        for (; settings && *settings; settings++)
                if (strncmp(*settings, prefix, strlen(prefix)) == 0)
                        agent = *settings + strlen(prefix);
        return NEED(strndup(agent, strcspn(agent, "\n")));
}

void login_secrets_print(FILE *f, const char *agent, const char *base, char *const *settings) {
        _cleanup_free_ char *name = agent_of(agent, settings);
        const Agent *known = agent_find(name);
        /* the generator will report an unknown agent */
        const char *list = known ? known->secrets : "";

        if (base && has_any(base, list))
                return;
        for (;;) {
                _cleanup_free_ char *secret = agent_next_word(&list);

                if (!secret)
                        return;
                if ((getenv(secret) ?: "")[0] && !is_set(settings, secret))
                        fprintf(f, "[Credentials]\n%s\n", secret);
        }
}
