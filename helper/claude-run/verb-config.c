/* The verb `config`: settings shown, edited and made. Only the generator knows what an ini says. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "helper/claude-run/config-edit.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/project-ini.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/json.h"

/* An object of the generator's --show; without file and line it is a default. */
typedef struct Setting {
        const char *section, *key, *value, *file;
        unsigned line;
} Setting;

static bool parse_setting(sd_json_variant *object, Setting *ret) {
        sd_json_variant *line = sd_json_variant_by_key(object, "line");

        *ret = (Setting) {
                .section = generator_text(object, "section"),
                .key = generator_text(object, "key"),
                .value = generator_text(object, "value"),
                .file = generator_text(object, "file"),
                .line = line ? (unsigned) sd_json_variant_unsigned(line) : 0,
        };
        return ret->section && ret->key && ret->value;
}

static int print_setting(const Setting *s) {
        _cleanup_free_ char *setting = strjoin(s->section, ".", s->key, "=", s->value, NULL);

        if (!setting)
                return -ENOMEM;
        if (s->file)
                say_line(stdout, "%-56s  %s:%u", setting, s->file, s->line);
        else
                say_line(stdout, "%-56s  default", setting);
        return 0;
}

static int add_setting(const Setting *s, sd_json_variant **array) {
        _cleanup_json_ sd_json_variant *object = NULL;
        int r;

        r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("section", s->section),
                        SD_JSON_BUILD_PAIR_STRING("key", s->key),
                        SD_JSON_BUILD_PAIR_STRING("value", s->value),
                        SD_JSON_BUILD_PAIR_BOOLEAN("default", !s->file),
                        SD_JSON_BUILD_PAIR_CONDITION(!!s->file, "file", SD_JSON_BUILD_STRING(s->file)),
                        SD_JSON_BUILD_PAIR_CONDITION(!!s->file, "line", SD_JSON_BUILD_UNSIGNED(s->line)));
        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static int print_settings(const Context *c, sd_json_variant *settings) {
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = c->options->json ? sd_json_variant_new_array(&array, NULL, 0) : 0;

        for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(settings); i++) {
                Setting s;

                if (!parse_setting(sd_json_variant_by_index(settings, i), &s))
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
        int r = which_vm_here(c, ret);

        return r != 0 || *ret
                        ? r
                        : fail(EXIT_CONFIGURATION,
                                          "no project has this directory; to make one: claude-run config new");
}

/* Passes the name on unchecked: elsewhere a broken ini is not a project, but here the user asks for it. */
static int find_id(Context *c, const char *name, char **ret) {
        if (!name)
                return find_here(c, ret);
        if (!vm_name_is_project(name) && strcmp(name, VM_NAME_DEFAULTS) != 0)
                return which_vm_resolve(c, name, ret);
        *ret = NEED(strdup(name));
        return 0;
}

static int config_show(Context *c, const char *name) {
        _cleanup_json_ sd_json_variant *settings = NULL;
        _cleanup_free_ char *id = NULL, *word = NULL;
        int r = find_id(c, name, &id);

        if (r != 0)
                return r;
        word = NEED(word_of(c, id));
        r = generator_ask(c->options->generator, "--show", word, &settings);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to run '%s': %s", c->options->generator, strerror(-r));
        /* the generator has said what is wrong */
        return r > 0 || !settings ? EXIT_CONFIGURATION : print_settings(c, settings);
}

static int config_edit_project(Context *c, const char *name) {
        _cleanup_free_ char *id = NULL;
        int r = find_id(c, name, &id);

        if (r != 0)
                return r;
        if (vm_name_is_uuid(id))
                return fail(EXIT_CONFIGURATION, "'%s' is an ad-hoc VM, which has no file to edit", id);
        return config_edit(c, id);
}

/* The directory's name with '-' for what a project's name cannot have. */
static char *name_of(const char *directory) {
        static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
        const char *base = strrchr(directory, '/') + 1;
        char *name = NEED(strndup(base, VM_NAME_MAX));

        for (char *p = name; *p; p++)
                if (!strchr(first, *p) && (p == name || (*p != '.' && *p != '-')))
                        *p = p == name ? '_' : '-';
        return name;
}

static int config_new(Context *c, const char *name) {
        _cleanup_free_ char *directory = NULL, *own = NULL;
        int r = which_vm_directory(c, &directory);

        if (r != 0)
                return r;
        own = name ? NEED(strdup(name)) : name_of(directory);
        if (!own[0])
                return fail(EXIT_USAGE,
                                "cannot make a project name of '%s'; use: claude-run config new NAME",
                                directory);
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
                return fail(EXIT_USAGE, "expected one project, got also '%s'", words[1]);
        return actions[action].run(c, n > 0 ? words[0] : NULL);
}
