/* A list of what is harmless, since each version of Claude Code brings new keys: what is not in it stays on
 * the host. Left out on purpose: hooks, statusLine, apiKeyHelper and the like run programs of the host; env
 * holds secrets; permissions and sandbox are about places and commands of the host. */

#include "helper/vm/claude-settings.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "helper/json.h"
#include "helper/share/user-config.h"

#define FILE_MAX (1U << 20)
#define STRING_MAX 500U
#define FIELDS_MAX 500U

static bool is_string(sd_json_variant *v) {
        const char *s = sd_json_variant_is_string(v) ? sd_json_variant_string(v) : NULL;

        return s && strlen(s) <= STRING_MAX && !printable_check(s);
}

static bool is_boolean(sd_json_variant *v) {
        return sd_json_variant_is_boolean(v);
}

static bool is_number(sd_json_variant *v) {
        return sd_json_variant_is_number(v);
}

/* An object, each of whose values is of the kind. Keys and values come in turn. */
static bool is_object_of(sd_json_variant *v, bool (*is_kind)(sd_json_variant *v)) {
        size_t n = sd_json_variant_is_object(v) ? sd_json_variant_elements(v) : 0;
        bool good = n > 0 && n <= 2 * FIELDS_MAX;

        for (size_t i = 0; good && i < n; i += 2)
                good = is_string(sd_json_variant_by_index(v, i)) &&
                                is_kind(sd_json_variant_by_index(v, i + 1));
        return good;
}

static bool is_switches(sd_json_variant *v) {
        return is_object_of(v, is_boolean);
}

static bool is_texts(sd_json_variant *v) {
        return is_object_of(v, is_string);
}

static const struct {
        const char *key;
        bool (*is_kind)(sd_json_variant *v);
} keys[] = {
        { "model", is_string },
        { "effortLevel", is_string },
        { "alwaysThinkingEnabled", is_boolean },
        { "fastMode", is_boolean },
        { "language", is_string },
        { "outputStyle", is_string },
        { "attribution", is_texts },
        { "includeCoAuthoredBy", is_boolean },
        { "cleanupPeriodDays", is_number },
        { "respectGitignore", is_boolean },
        /* their programs come with them, in the share */
        { "enabledPlugins", is_switches },
        /* how it looks */
        { "theme", is_string },
        { "editorMode", is_string },
        { "viewMode", is_string },
        { "verbose", is_boolean },
        { "prefersReducedMotion", is_boolean },
        { "promptSuggestionEnabled", is_boolean },
        { "showTurnDuration", is_boolean },
        { "spinnerTipsEnabled", is_boolean },
        { "syntaxHighlightingDisabled", is_boolean },
        { "terminalProgressBarEnabled", is_boolean },
};

/* 0; -ENODATA: nothing is left. */
static int filter(sd_json_variant *all, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *some = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(keys); i++) {
                sd_json_variant *v = sd_json_variant_by_key(all, keys[i].key);

                if (v && keys[i].is_kind(v))
                        r = sd_json_variant_set_field(&some, keys[i].key, v);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(some);
        return *ret ? 0 : -ENODATA;
}

static int read_text(const char *directory, char **ret) {
        UserConfigDirectory d;
        int r = user_config_open(directory, &d);

        if (r < 0)
                return r;
        r = user_config_read(&d, "settings.json", FILE_MAX, ret);
        user_config_done(&d);
        return r;
}

/* A file that cannot be read or understood has nothing for the guest; the user's own Claude Code says why.
 */
int claude_settings_read(const char *directory, char **ret) {
        _cleanup_json_ sd_json_variant *all = NULL, *some = NULL;
        _cleanup_free_ char *text = NULL;
        int r = read_text(directory, &text);

        if (r == -ENOMEM)
                return r;
        if (r < 0 || sd_json_parse(text, 0, &all, NULL, NULL) < 0 || !sd_json_variant_is_object(all))
                return -ENODATA;
        r = filter(all, &some);
        return r < 0 ? r : sd_json_variant_format(some, 0, ret) < 0 ? -ENOMEM : 0;
}
