/* An unknown key is only a warning, because a newer version may know it. A typing error is far more likely,
 * so the warning says what may have been meant. */

#include "generator/unknown-key.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "generator/project.h"

#define WORD_MAX 32U    /* longer ones are no typing errors */
#define DISTANCE_MAX 2U /* letters */

static unsigned min3(unsigned a, unsigned b, unsigned c) {
        unsigned ab = a < b ? a : b;

        return ab < c ? ab : c;
}

/* Letters to change, add or take out to get from `a` to `b` (Levenshtein), without regard to case. */
static unsigned distance(const char *a, const char *b) {
        unsigned row[WORD_MAX + 1];
        size_t n = strlen(b);

        if (n > WORD_MAX || strlen(a) > WORD_MAX)
                return WORD_MAX;
        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        bool differ = tolower((unsigned char) a[i - 1]) != tolower((unsigned char) b[j - 1]);
                        unsigned above = row[j];

                        row[j] = min3(above + 1, row[j - 1] + 1, diagonal + differ);
                        diagonal = above;
                }
        }
        return row[n];
}

/* Short words have too many neighbours. */
static bool is_near(const char *word, const char *other, unsigned *best) {
        unsigned d = distance(word, other);

        if (d >= *best || d > DISTANCE_MAX || d * 2 >= strlen(other))
                return false;
        *best = d;
        return true;
}

static const char *nearest_section(const char *word) {
        const char *found = NULL, *section;
        unsigned best = WORD_MAX;

        for (size_t i = 0; i < N_SETTINGS; i++)
                if (is_near(word, settings[i].section, &best))
                        found = settings[i].section;
        for (size_t i = 0; (section = project_variable_section(i)); i++)
                if (is_near(word, section, &best))
                        found = section;
        return found;
}

static const Setting *nearest_key(const char *word) {
        const Setting *found = NULL;
        unsigned best = WORD_MAX;

        for (size_t i = 0; i < N_SETTINGS; i++)
                if (is_near(word, settings[i].key, &best))
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
