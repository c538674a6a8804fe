/* Reads the file a second time for its text and lines, so that the run at login keeps neither. This does
 * not judge what the text means: project.c has done that. */

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
        unsigned number;
} Line;

typedef struct Text {
        Line *lines;
        size_t n;
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
        *line = (Line) { strdup(section), strdup(key), strdup(value), number };
        if (!line->section || !line->key || !line->value)
                text->out_of_memory = true;
}

static bool directory_is_same(const Line *line, const char *section, const char *key) {
        return strcmp(line->section, section) == 0 && strcmp(line->key, key) == 0;
}

/* In a request a later line replaces an earlier one. */
static bool is_replaced(const Text *text, size_t i) {
        for (size_t j = i + 1; j < text->n; j++)
                if (directory_is_same(&text->lines[j], text->lines[i].section, text->lines[i].key))
                        return true;
        return false;
}

static int print_line(JsonWriter *w, const Project *p, const Line *line, const char *meaning) {
        const JsonMember members[] = {
                { "section", line->section },
                { "key", line->key },
                { "value", meaning ?: line->value },
                { "file", p->path },
                { "line", NULL, line->number },
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
                if (directory_is_same(&text->lines[i], key->section, key->key) &&
                                (setting_is_list(key) || !is_replaced(text, i))) {
                        r = print_line(w, p, &text->lines[i], meaning);
                        written = true;
                }
        return r >= 0 && !written && value ? print_default(w, key, value) : r;
}

int show_project(const Project *p) {
        _cleanup_(text_done) Text text = {};
        JsonWriter w = { .f = stdout };
        Messages messages = { .path = p->path };
        ConfigFile file;
        int r;

        r = config_file_read(AT_FDCWD, p->path, &messages, keep_line, &text, &file);
        messages_done(&messages);
        if (r < 0 || text.out_of_memory)
                return r < 0 ? r : -ENOMEM;
        for (SettingId id = 0; r >= 0 && id < N_SETTINGS; id++)
                if (!setting_is_project_only(&settings[id]) || !p->is_request)
                        r = print_key(&w, p, &text, id);
        for (size_t i = 0; r >= 0 && i < text.n; i++)
                if (project_section_has_variables(text.lines[i].section) && !is_replaced(&text, i))
                        r = print_line(&w, p, &text.lines[i], NULL);
        return r < 0 ? r : json_writer_end(&w);
}
