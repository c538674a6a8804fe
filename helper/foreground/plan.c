#include "helper/foreground/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/drop-in.h"
#include "common/share-tag.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/host/projects.h"

int plan_read(const char *generator, const char *request, const char *directory, Plan *ret) {
        sd_json_variant *lines = NULL;
        int r = setenv("XDG_RUNTIME_DIR", directory, 1) < 0 ? -errno : 0;

        if (r >= 0)
                r = generator_ask(generator, "--parameters", request, &lines);
        if (r == 0 && lines) {
                ret->lines = lines;
                return 0;
        }
        sd_json_variant_unref(lines);
        return r < 0 ? r : -EINVAL;
}

void plan_done(Plan *p) {
        p->lines = sd_json_variant_unref(p->lines);
}

static bool is_of_part(const char *unit, const char *part) {
        size_t n = strlen("claude-vm"), length = strlen(part);

        if (!unit || strncmp(unit, "claude-vm", n) != 0)
                return false;
        unit += n;
        if (length == 0)
                return *unit == '@';
        return *unit == '-' && strncmp(unit + 1, part, length) == 0 && unit[1 + length] == '@';
}

/* The text of line `i` if it is of this kind and part, or of any part. */
static const char *text_of(const Plan *p, size_t i, const char *part, const char *key) {
        sd_json_variant *line = sd_json_variant_by_index(p->lines, i);
        const char *unit = generator_text(line, "unit");

        return !part || is_of_part(unit, part) ? generator_text(line, key) : NULL;
}

static size_t n_lines(const Plan *p) {
        return sd_json_variant_elements(p->lines);
}

const char *plan_variable(const Plan *p, const char *part, const char *name) {
        size_t n = strlen(name);

        for (size_t i = 0; i < n_lines(p); i++) {
                const char *text = text_of(p, i, part, "environment");

                if (text && strncmp(text, name, n) == 0 && text[n] == '=')
                        return text + n + 1;
        }
        return NULL;
}

const char *plan_directive(const Plan *p) {
        const char *text = NULL;

        for (size_t i = 0; !text && i < n_lines(p); i++)
                text = text_of(p, i, NULL, "directive");
        return text;
}

bool plan_wants(const Plan *p, const char *part) {
        for (size_t i = 0; i < n_lines(p); i++)
                if (is_of_part(text_of(p, i, NULL, "wants"), part))
                        return true;
        return false;
}

int plan_add_variables(const Plan *p, const char *part, char ***environment) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n_lines(p); i++) {
                const char *text = text_of(p, i, part, "environment");

                if (text)
                        r = strv_append(environment, text);
        }
        return r;
}

static int link_one(const char *directory, const char *text) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *name = colon ? strndup(text, (size_t) (colon - text)) : NULL,
                            *path = name ? strjoin(directory, "/", name, NULL) : NULL;

        if (!path)
                return colon ? -ENOMEM : -EINVAL;
        return symlink(colon + 1, path) < 0 ? -errno : 0;
}

int plan_link_credentials(const Plan *p, const char *part, const char *directory) {
        int r = directory_make(directory);

        for (size_t i = 0; r >= 0 && i < n_lines(p); i++) {
                const char *text = text_of(p, i, part, "credential");

                if (text)
                        r = link_one(directory, text);
        }
        return r;
}

int plan_each_share(const Plan *p, int (*each)(void *userdata, const char *tag), void *userdata) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_lines(p); i++) {
                const char *text = text_of(p, i, "", "environment");
                char tag[SHARE_TAG_MAX + 1];
                size_t n;

                if (!text || strncmp(text, PARAMETER_SHARE_PREFIX, strlen(PARAMETER_SHARE_PREFIX)) != 0)
                        continue;
                text += strlen(PARAMETER_SHARE_PREFIX);
                n = strcspn(text, "=");
                if (!share_tag_is_valid(text, n))
                        return -EINVAL;
                memcpy(tag, text, n);
                tag[n] = '\0';
                r = each(userdata, tag);
        }
        return r;
}
