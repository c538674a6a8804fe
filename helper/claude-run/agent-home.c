#include "helper/claude-run/agent-home.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/memory.h"
#include "helper/json.h"

#define HOME_VARIABLE PARAMETER_SHARE_PREFIX "home"

static char *find_setting(Context *c, const char *ini, const char *key, bool only_default) {
        _cleanup_json_ sd_json_variant *settings = NULL;

        if (generator_ask(c->options->generator, "--show", ini, &settings) != 0)
                return NULL;
        for (size_t i = 0; i < sd_json_variant_elements(settings); i++) {
                sd_json_variant *s = sd_json_variant_by_index(settings, i);
                const char *name = generator_text(s, "key"), *value = generator_text(s, "value");

                if (name && value && strcmp(name, key) == 0 && !(only_default && generator_text(s, "file")))
                        return NEED(strdup(value));
        }
        return NULL;
}

char *project_setting(Context *c, const ProjectEntry *p, const char *key, bool only_default) {
        return p->error ? NULL : find_setting(c, p->name, key, only_default);
}

char *defaults_setting(Context *c, const char *key) {
        return find_setting(c, VM_NAME_DEFAULTS, key, false);
}

char *agent_home_of(Context *c, const ProjectEntry *p, bool only_default) {
        return project_setting(c, p, "Home", only_default);
}

bool agent_home_is_in_use(Context *c, const char *home) {
        _cleanup_free_ char *end = NEED(strjoin(":", home, NULL));
        _cleanup_strv_free_ char **units = NULL;

        if (manager_list(c->manager, "claude-vm@*.service", &units, NULL) < 0)
                return true;
        for (char **unit = units; unit && *unit; unit++) {
                _cleanup_free_ char *state = NULL, *share = NULL;

                if (manager_active_state(c->manager, *unit, &state) >= 0 && !manager_is_down(state) &&
                                manager_environment(c->manager, *unit, HOME_VARIABLE, &share) > 0 &&
                                strlen(share) > strlen(end) &&
                                strcmp(share + strlen(share) - strlen(end), end) == 0)
                        return true;
        }
        return false;
}
