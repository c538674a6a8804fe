#include "common/user-config.h"

#include <stddef.h>
#include <string.h>

#include "common/cleanup.h"

static const UserConfig rows[] = {
        { "claude", "CLAUDE_CONFIG_DIR", ".claude",
                        /* of the plugins what CLAUDE_CODE_PLUGIN_SEED_DIR takes: their own data is not for a
                         * guest */
                        "CLAUDE.md agents commands output-styles rules skills "
                        "plugins/cache plugins/known_marketplaces.json plugins/marketplaces" },
        { "codex", "CODEX_HOME", ".codex", "AGENTS.md prompts" },
        { "gemini", NULL, ".gemini", "GEMINI.md commands" },
};

const UserConfig *user_config_get(unsigned i) {
        return i < ELEMENTSOF(rows) ? &rows[i] : NULL;
}

const UserConfig *user_config_find(const char *agent) {
        const UserConfig *row;

        for (unsigned i = 0; (row = user_config_get(i)); i++)
                if (strcmp(row->agent, agent) == 0)
                        return row;
        return NULL;
}
