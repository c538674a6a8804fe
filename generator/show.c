/* Reads the defaults and the file a second time for their text and lines, so that the run at login keeps
 * neither. This does not judge what the text means: project.c has done that. */

#include "generator/show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "generator/config-file.h"
#include "generator/json-writer.h"

typedef struct Line {
        char *section, *key, *value;
        unsigned place; /* see messages.h */
} Line;

typedef struct Text {
        Line *lines;
        size_t n;
        unsigned file; /* that is being read */
        bool out_of_memory;
} Text;

static void text_done(Text *text) {
        for (size_t i = 0; i < text->n; i++) {
                free(text->lines[i].section);
                free(text->lines[i].key);
                free(text->lines[i].value);
        }
        free(text->lines);
}

static void keep_line(
                void *userdata, const char *section, const char *key, const char *value, unsigned number) {
        Text *text = userdata;
        Line *grown = reallocarray(text->lines, text->n + 1, sizeof(Line));
        Line *line;

        if (!grown) {
                text->out_of_memory = true;
                return;
        }
        text->lines = grown;
        line = &text->lines[text->n++];
        *line = (Line) { strdup(section), strdup(key), strdup(value), PLACE(text->file, number) };
        if (!line->section || !line->key || !line->value)
                text->out_of_memory = true;
}

static bool is_key(const Line *line, const char *section, const char *key) {
        return strcmp(line->section, section) == 0 && strcmp(line->key, key) == 0;
}

/* A later line replaces an earlier one: in a request, and over the defaults. Of a list only an empty line
 * does, and a variable has one value whatever its section. */
static bool is_replaced(const Text *text, size_t i, bool is_list) {
        const Line *line = &text->lines[i];
        bool is_variable = project_section_has_variables(line->section);

        for (size_t j = i + 1; j < text->n; j++) {
                const Line *later = &text->lines[j];

                if (is_variable ? project_section_has_variables(later->section) &&
                                                                strcmp(later->key, line->key) == 0
                                : is_key(later, line->section, line->key) && (!is_list || !later->value[0]))
                        return true;
        }
        return is_list && !line->value[0];
}

static int print_line(JsonWriter *w, const Project *p, const Line *line, const char *meaning) {
        const JsonMember members[] = {
                { "section", line->section },
                { "key", line->key },
                { "value", meaning ?: line->value },
                { "file", messages_path(&p->messages, line->place) },
                { "line", NULL, PLACE_LINE(line->place) },
        };

        return json_writer_add(w, members, ELEMENTSOF(members));
}

static int print_default(JsonWriter *w, const Setting *key, const char *value) {
        const JsonMember members[] = { { "section", key->section }, { "key", key->key },
                { "value", value } };

        return json_writer_add(w, members, ELEMENTSOF(members));
}

static int print_key(JsonWriter *w, const Project *p, const Text *text, SettingId id) {
        const Setting *key = &settings[id];
        const char *meaning = project_meaning(p, id), *value = meaning ?: key->fallback;
        bool written = false;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < text->n; i++)
                if (is_key(&text->lines[i], key->section, key->key) &&
                                !is_replaced(text, i, setting_is_list(key))) {
                        r = print_line(w, p, &text->lines[i], meaning);
                        written = true;
                }
        return r >= 0 && !written && value ? print_default(w, key, value) : r;
}

/* The lines of all files, the defaults first. */
static int read_text(const Project *p, Text *text) {
        Messages messages = { .path = p->path };
        ConfigFile file;
        int r = 0;

        for (size_t i = 0; p->defaults && i < p->defaults->n; i++) {
                const DefaultsFile *defaults = &p->defaults->items[i];

                text->file = (unsigned) i + 1;
                if (defaults->text)
                        config_file_parse(defaults->text, defaults->size, &messages, keep_line, text);
        }
        text->file = 0;
        if (!p->is_defaults)
                r = config_file_read(AT_FDCWD, p->path, &messages, keep_line, text, &file);
        messages_done(&messages);
        return text->out_of_memory ? -ENOMEM : r;
}

static bool is_shown(const Project *p, const Setting *key) {
        return p->is_defaults ? setting_is_for_all(key) : !p->is_request || !setting_is_project_only(key);
}

int show_project(const Project *p) {
        _cleanup_(text_done) Text text = {};
        JsonWriter w = { .f = stdout };
        int r = read_text(p, &text);

        for (SettingId id = 0; r >= 0 && id < N_SETTINGS; id++)
                if (is_shown(p, &settings[id]))
                        r = print_key(&w, p, &text, id);
        for (size_t i = 0; r >= 0 && i < text.n; i++)
                if (project_section_has_variables(text.lines[i].section) && !is_replaced(&text, i, false))
                        r = print_line(&w, p, &text.lines[i], NULL);
        return r < 0 ? r : json_writer_end(&w);
}
