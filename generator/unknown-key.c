/* An unknown key is only a warning, because a newer version may know it. A typing error is far more likely,
 * so the warning says what may have been meant. */

#include "generator/unknown-key.h"

#include <stdbool.h>
#include <string.h>

#include "common/similar.h"
#include "generator/project.h"

static const char *nearest_section(const char *word) {
        const char *found = NULL, *section;
        unsigned best = SIMILAR_NONE;

        for (size_t i = 0; i < N_SETTINGS; i++)
                if (similar_is_nearer(word, settings[i].section, &best))
                        found = settings[i].section;
        for (size_t i = 0; (section = project_variable_section(i)); i++)
                if (similar_is_nearer(word, section, &best))
                        found = section;
        return found;
}

static const Setting *nearest_key(const char *word) {
        const Setting *found = NULL;
        unsigned best = SIMILAR_NONE;

        for (size_t i = 0; i < N_SETTINGS; i++)
                if (similar_is_nearer(word, settings[i].key, &best))
                        found = &settings[i];
        return found;
}

static bool is_section(const char *section) {
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (strcmp(settings[i].section, section) == 0)
                        return true;
        return project_section_has_variables(section);
}

static void warn_unknown_section(Messages *m, unsigned line, const char *section, const char *key) {
        const char *near = nearest_section(section);

        if (near)
                messages_warning(m, line, "%s=: unknown section [%s], ignored; did you mean [%s]?", key,
                                section, near);
        else
                messages_warning(m, line, "%s=: unknown section [%s], ignored", key, section);
}

void unknown_key_warn(Messages *m, unsigned line, const char *section, const char *key) {
        const Setting *near = nearest_key(key);

        if (section[0] == '\0')
                messages_warning(m, line,
                                "%s=: stands before the first [Section], ignored; it belongs in [%s]", key,
                                near ? near->section : "Project");
        else if (!is_section(section))
                warn_unknown_section(m, line, section, key);
        else if (!near)
                messages_warning(m, line, "%s=: unknown key in [%s], ignored", key, section);
        else if (strcmp(near->section, section) == 0)
                messages_warning(m, line, "%s=: unknown key in [%s], ignored; did you mean %s=?", key,
                                section, near->key);
        else
                messages_warning(m, line, "%s=: unknown key in [%s], ignored; %s= belongs in [%s]", key,
                                section, near->key, near->section);
}
