/* An unknown key is an error: a setting that its author meant to tighten must not be left out silently. A
 * key or section of one's own begins with X-, which the reader skips. */

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

static void refuse_section(Messages *m, unsigned place, const char *section, const char *key) {
        const char *near = nearest_section(section);

        if (near)
                messages_error(m, place, "%s=: unknown section [%s]; did you mean [%s]?", key, section,
                                near);
        else
                messages_error(m, place, "%s=: unknown section [%s]; one of your own begins with X-: [X-%s]",
                                key, section, section);
}

void unknown_key_refuse(Messages *m, unsigned place, const char *section, const char *key) {
        const Setting *near = nearest_key(key);

        if (section[0] == '\0')
                messages_error(m, place, "%s=: stands before the first [Section]; it belongs in [%s]", key,
                                near ? near->section : "Project");
        else if (!is_section(section))
                refuse_section(m, place, section, key);
        else if (!near)
                messages_error(m, place,
                                "%s=: unknown key in [%s]; one of your own begins with X-: X-%s=", key,
                                section, key);
        else if (strcmp(near->section, section) == 0)
                messages_error(m, place, "%s=: unknown key in [%s]; did you mean %s=?", key, section,
                                near->key);
        else
                messages_error(m, place, "%s=: unknown key in [%s]; %s= belongs in [%s]", key, section,
                                near->key, near->section);
}
