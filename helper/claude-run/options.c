#include "helper/claude-run/options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/strv.h"
#include "helper/claude-run/fail.h"

typedef struct Option {
        char letter; /* 0: none */
        const char *name, *value, *help;
        size_t offset;             /* of a bool, or of a string if there is a value */
        const char *section, *key; /* a setting of the ini instead; without a key the value is KEY=VALUE */
} Option;

#define MEMBER(name) offsetof(RunOptions, name)

static const Option options[] = {
        /* of an ad-hoc VM: one for each key that makes sense there, in the order of claude-vm.ini(5) */
        { 0, "home", "DIR", "the agent's home", 0, "Project", "Home" },
        { 0, "agent", "AGENT", "which agent", 0, "Project", "Agent" },
        { 0, "share", "TAG:DIR:GUESTDIR[:ro]", "one more directory", 0, "Project", "Share" },
        { 0, "guest", "GUEST", "guest image", 0, "VM", "Guest" },
        { 'm', "memory", "SIZE", "memory, like 8G", 0, "VM", "Memory" },
        { 0, "cpus", "N", "number of CPUs", 0, "VM", "CPUs" },
        { 0, "accelerator", "NAME", "auto, kvm or tcg", 0, "VM", "Accelerator" },
        { 0, "machine", "NAME", "auto, microvm or q35", 0, "VM", "Machine" },
        { 0, "network", "MODE", "user or none", 0, "Network", "Mode" },
        { 'p', "publish", "[ADDRESS:]PORT:PORT", "forward a port of the host", 0, "Network", "Publish" },
        { 'e', "env", "NAME[=VALUE]", "a variable of the agent, or one of this shell", 0, "Environment" },
        { 0, "credential", "NAME[=FILE]", "a secret variable, from a file or of this shell", 0,
                        "Credentials" },
        { 0, "encrypted-credential", "NAME=FILE", "the same, from systemd-creds", 0,
                        "EncryptedCredentials" },
        { 0, "property", "NAME=VALUE", "a limit, as in [Service]", 0, "Service" },
        { 0, "read-only", NULL, "run: the directory is read-only; attach: only look", MEMBER(read_only) },
        { 0, "dev-shell", NULL, "run: with the dev shell of flake.nix", MEMBER(dev_shell) },
        { 0, "new", NULL, "run: a fresh VM although one runs here", MEMBER(new) },
        { 0, "name", "NAME", "run: make a project of it, as config new does", MEMBER(name) },
        { 'C', "directory", "DIR", "instead of the working directory", MEMBER(directory) },
        { 0, "json", NULL, "list, status, ports, logs, config, doctor: for programs", MEMBER(json) },
        { 't', "tty", NULL, "exec: with a terminal", MEMBER(terminal) },
        { 'u', "user", "USER", "exec, shell, ssh, cp: as root instead of claude", MEMBER(user) },
        { 'f', "follow", NULL, "logs: go on as lines come", MEMBER(follow) },
        { 0, "since", "TIME", "logs: from this time on", MEMBER(since) },
        { 'h', "help", NULL, "this text", MEMBER(help) },
        { 0, "version", NULL, "the version", MEMBER(version) },
};

const char *options_name(unsigned i) {
        return i < ELEMENTSOF(options) ? options[i].name : NULL;
}

const char *options_setting(unsigned i, const char **ret_key) {
        *ret_key = options[i].key;
        return options[i].section;
}

void options_print(void) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];
                char form[64];

                snprintf(form, sizeof(form), "%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ?: ' ',
                                o->name, o->value ? " " : "", o->value ?: "");
                printf("  %-38s %s\n", form, o->help);
        }
}

/* The option that `word` names; its value, if it has one in the same word, in `ret_value`. */
static const Option *find_option(const char *word, const char **ret_value) {
        size_t n = strcspn(word, "=");

        *ret_value = word[n] == '=' ? word + n + 1 : NULL;
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];

                if (word[1] == '-' ? strlen(o->name) == n - 2 && strncmp(word + 2, o->name, n - 2) == 0
                                   : o->letter == word[1] && !word[2])
                        return o;
        }
        return NULL;
}

/* The value becomes the rest of a line of an ini. */
static int check_value(const Option *option, const char *value) {
        const char *why = printable_check(value);

        return why ? fail(EXIT_USAGE, "--%s: the value has %s", option->name, why) : 0;
}

/* NAME alone means the variable of this shell: a secret by its name only, so that its value is in no file.
 */
static int add_own_variable(RunOptions *o, const Option *option, const char *name) {
        bool secret = strcmp(option->section, "Credentials") == 0;
        const char *own = secret || strcmp(option->section, "Environment") == 0 ? getenv(name) : NULL;
        int r;

        if (!own)
                return fail(EXIT_USAGE, "--%s %s: has to be %s", option->name, name, option->value);
        if (!secret) {
                r = check_value(option, own);
                if (r != 0)
                        return r;
        }
        r = strv_appendf(&o->settings, "[%s]\n%s=%s\n", option->section, name, secret ? "" : own);
        return r < 0 ? fail(EXIT_FAILURE, "No memory") : 0;
}

/* A setting becomes the lines that an ini would have. The generator judges the value. */
static int add_setting(RunOptions *o, const Option *option, const char *value) {
        int r = check_value(option, value);

        if (r != 0)
                return r;
        if (!option->key && !strchr(value, '='))
                return add_own_variable(o, option, value);
        if (option->key)
                r = strv_appendf(&o->settings, "[%s]\n%s=%s\n", option->section, option->key, value);
        else
                r = strv_appendf(&o->settings, "[%s]\n%s\n", option->section, value);
        return r < 0 ? fail(EXIT_FAILURE, "No memory") : 0;
}

/* 0, or an exit status. `argv` moves on by what was taken. */
static int parse_option(RunOptions *o, char ***argv) {
        const char *value;
        const Option *option = find_option(**argv, &value);

        if (!option)
                return fail(EXIT_USAGE, "unknown option '%s'; see: claude-run --help", **argv);
        if (!option->value) {
                if (value)
                        return fail(EXIT_USAGE, "--%s takes no value", option->name);
                *(bool *) ((char *) o + option->offset) = true;
                return 0;
        }
        if (!value)
                value = *++*argv;
        if (!value)
                return fail(EXIT_USAGE, "--%s needs a value: %s", option->name, option->value);
        if (option->section)
                return add_setting(o, option, value);
        *(const char **) (void *) ((char *) o + option->offset) = value;
        return 0;
}

int options_parse(RunOptions *o, char **argv) {
        for (; *argv; argv++) {
                int r;

                if (strcmp(*argv, "--") == 0) {
                        o->arguments = argv + 1;
                        return 0;
                }
                if ((*argv)[0] == '-' && (*argv)[1]) {
                        r = parse_option(o, &argv);
                        if (r != 0)
                                return r;
                } else if (strv_append(&o->words, *argv) < 0)
                        return fail(EXIT_FAILURE, "No memory");
        }
        return 0;
}
