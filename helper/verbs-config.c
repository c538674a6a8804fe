/* The verb `config`: settings shown, edited and made. What an ini says is the generator's to know. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "cleanup.h"
#include "config-edit.h"
#include "context.h"
#include "parameters.h"
#include "project-ini.h"
#include "run-program.h"
#include "vm-name.h"

DEFINE_CLEANUP(sd_json_variant *, sd_json_variant_unref, json_cleanup)

/* One line of the generator's --show, taken apart in place. */
typedef struct Setting {
        char *section, *key, *origin, *value;
} Setting;

static bool parse_setting(char *line, Setting *ret) {
        ret->section = strsep(&line, "\t");
        ret->key = strsep(&line, "\t");
        ret->origin = strsep(&line, "\t");
        ret->value = line;
        return ret->value;
}

static int print_setting(const Setting *s) {
        int n = printf("%s.%s=%s", s->section, s->key, s->value);

        printf("%*s  %s\n", n < 56 ? 56 - n : 0, "", s->origin);
        return 0;
}

/* ORIGIN is `PATH:LINE` or `default`. */
static int add_setting(const Setting *s, sd_json_variant **array) {
        _cleanup_(json_cleanup) sd_json_variant *object = NULL;
        char *colon = strrchr(s->origin, ':');
        int r;

        if (colon)
                *colon++ = '\0';
        r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("section", s->section),
                        SD_JSON_BUILD_PAIR_STRING("key", s->key),
                        SD_JSON_BUILD_PAIR_STRING("value", s->value),
                        SD_JSON_BUILD_PAIR_BOOLEAN("default", !colon),
                        SD_JSON_BUILD_PAIR_CONDITION(!!colon, "file", SD_JSON_BUILD_STRING(s->origin)),
                        SD_JSON_BUILD_PAIR_CONDITION(!!colon, "line",
                                        SD_JSON_BUILD_UNSIGNED(strtoul(colon ?: "0", NULL, 10))));
        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static int print_settings(const Context *c, char *text) {
        _cleanup_(json_cleanup) sd_json_variant *array = NULL;
        int r = c->options->json ? sd_json_variant_new_array(&array, NULL, 0) : 0;
        char *line;

        while (r >= 0 && (line = strsep(&text, "\n")) && line[0]) {
                Setting s;

                if (!parse_setting(line, &s))
                        r = -EPROTO;
                else
                        r = c->options->json ? add_setting(&s, &array) : print_setting(&s);
        }
        if (r >= 0 && c->options->json)
                r = sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to show the settings: %s", strerror(-r)) : 0;
}

/* What --show takes for an ad-hoc VM is the file of its request. */
static char *word_of(const Context *c, const char *id) {
        char *path;

        if (!vm_name_is_uuid(id))
                return strdup(id);
        return asprintf(&path, "%s/claude-microvm/requests/%s.ini", c->runtime_dir, id) < 0 ? NULL : path;
}

static int find_here(Context *c, char **ret) {
        int r = vm_here(c, ret);

        return r != 0 || *ret ? r
                              : fail(EXIT_CONFIGURATION,
                                                "no project has this directory; to make one: claude-run "
                                                "config new");
}

/* A name is passed on as it is: a broken ini is no project to anybody else, and here it is asked for. */
static int find_id(Context *c, const char *name, char **ret) {
        if (!name)
                return find_here(c, ret);
        if (!vm_name_is_project(name))
                return resolve(c, name, ret);
        *ret = strdup(name);
        return *ret ? 0 : fail(EXIT_FAILURE, "No memory");
}

static int config_show(Context *c, const char *name) {
        _cleanup_free_ char *id = NULL, *word = NULL, *text = NULL;
        int r = find_id(c, name, &id);

        if (r != 0)
                return r;
        word = word_of(c, id);
        if (!word)
                return fail(EXIT_FAILURE, "No memory");
        r = run_program_read(
                        (char *[]) { (char *) c->options->generator, (char *) "--show", word, NULL }, &text);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to run '%s': %s", c->options->generator, strerror(-r));
        /* the generator has said what is wrong */
        return r > 0 ? EXIT_CONFIGURATION : print_settings(c, text);
}

static int config_edit_project(Context *c, const char *name) {
        _cleanup_free_ char *id = NULL;
        int r = find_id(c, name, &id);

        if (r != 0)
                return r;
        if (!vm_name_is_project(id))
                return fail(EXIT_CONFIGURATION, "'%s' is an ad-hoc VM, which has no file to edit", id);
        return config_edit(c, id);
}

/* The directory's name with '-' for what a project's name cannot have. */
static char *name_of(const char *directory) {
        static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
        const char *base = strrchr(directory, '/') + 1;
        char *name = strndup(base, VM_NAME_MAX);

        for (char *p = name; p && *p; p++)
                if (!strchr(first, *p) && (p == name || (*p != '.' && *p != '-')))
                        *p = p == name ? '_' : '-';
        return name;
}

static int config_new(Context *c, const char *name) {
        _cleanup_free_ char *directory = NULL, *own = NULL;
        int r = context_directory(c, &directory);

        if (r != 0)
                return r;
        own = name ? strdup(name) : name_of(directory);
        if (!own)
                return fail(EXIT_FAILURE, "No memory");
        if (!own[0])
                return fail(EXIT_USAGE, "'%s' has no name to take: claude-run config new NAME", directory);
        return project_ini_make(c, directory, own);
}

static const struct {
        const char *name;
        int (*run)(Context *c, const char *name);
} actions[] = {
        { "show", config_show },
        { "edit", config_edit_project },
        { "new", config_new },
};

/* config [show|edit|new] [NAME]: the first word is the action if it is one. */
int verb_config(Context *c) {
        char *const *words = c->options->words;
        size_t action = 0;
        unsigned n = c->options->n_words;

        for (size_t i = 0; n > 0 && i < ELEMENTSOF(actions); i++)
                if (strcmp(words[0], actions[i].name) == 0) {
                        action = i;
                        words++;
                        n--;
                        break;
                }
        if (n > 1)
                return fail(EXIT_USAGE, "one project at a time: '%s' is one too many", words[1]);
        return actions[action].run(c, n > 0 ? words[0] : NULL);
}
