/* getopt_long() splits the command line. It is told to hand over words in their order, because the verb may
 * stand anywhere before `--`, and to be silent. That it takes `--mem` for `--memory` is undone here: a
 * script that says so would break with the next option that begins alike. */

#include "helper/claude-run/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/settings.h"
#include "common/strv.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"

#define MEMBER(name) offsetof(RunOptions, name)

/* What makes a VM, and so its settings. */
#define MAKERS "run config"

static const Option own[] = {
        { 'e', "env", "NAME[=VALUE]", "a variable of the agent, or one of this shell",
                        .section = "Environment" },
        { 0, "credential", "NAME[=FILE]", "a secret variable, from a file or of this shell",
                        .section = "Credentials" },
        { 0, "encrypted-credential", "NAME=FILE", "the same, from systemd-creds",
                        .section = "EncryptedCredentials" },
        { 0, "property", "NAME=VALUE", "a limit, as in [Service]", .section = "Service" },
        { 0, "read-only", NULL, "the directory is read-only; attach: only look", NULL, "run attach config",
                        MEMBER(read_only) },
        { 0, "dev-shell", NULL, "with the dev shell of flake.nix", NULL, MAKERS, MEMBER(dev_shell) },
        { 0, "new", NULL, "a fresh VM although one runs here", NULL, "run", MEMBER(new) },
        { 0, "foreground", NULL, "a fresh VM as processes of ours, for jobs and containers", NULL, "run",
                        MEMBER(foreground) },
        { 0, "name", "NAME", "make a project of it, as config new does", NULL, "run", MEMBER(name) },
        { 'C', "directory", "DIR", "instead of the working directory", NULL, NULL, MEMBER(directory) },
        { 0, "host", "HOST", "first of all: on another machine, by ssh and its own claude-run", NULL, NULL,
                        MEMBER(host) },
        { 0, "json", NULL, "for programs", NULL,
                        "list status ports network logs boot changes diff disk config versions doctor",
                        MEMBER(json) },
        { 0, "wide", NULL, "with disk, copy, viewers, UUID and the whole directory", NULL, "list",
                        MEMBER(wide) },
        { 0, "brief", NULL, "name and state alone, without a heading", NULL, "list", MEMBER(brief) },
        { 0, "watch", NULL, "again each second, with keys to attach, suspend and stop", NULL, "list",
                        MEMBER(watch) },
        { 't', "tty", NULL, "with a terminal", NULL, "exec", MEMBER(terminal) },
        { 'd', "detach", NULL, "in the background", NULL, "run exec", MEMBER(detach) },
        { 'u', "user", "USER", "as root instead of claude", NULL, "exec shell ssh cp", MEMBER(user) },
        { 'r', "recursive", NULL, "as it does anyway", NULL, "cp", MEMBER(recursive) },
        { 'f', "follow", NULL, "go on as lines come", NULL, "logs", MEMBER(follow) },
        { 0, "only-network", NULL, "what the guest was refused or allowed", NULL, "logs", MEMBER(network) },
        { 0, "svg", "FILE", "as a picture", NULL, "boot", MEMBER(svg) },
        { 0, "save", NULL, "in the project's ini, too", NULL, "network set", MEMBER(save) },
        { 'n', "lines", "N", "only the last ones", NULL, "logs", MEMBER(lines) },
        { 0, "since", "TIME", "from this time on", NULL, "logs", MEMBER(since) },
        { 'y', "yes", NULL, "without a question", NULL, "rm discard disk prune forget", MEMBER(yes) },
        { 0, "list", NULL, "only the names of what differs", NULL, "diff", MEMBER(list) },
        { 0, "branch", NULL, "fetch the agent's commits as branches", NULL, "apply", MEMBER(branch) },
        { 0, "dry-run", NULL, "say what would be done", NULL, "apply", MEMBER(dry_run) },
        { 0, "overwrite", NULL, "also what has changed here meanwhile", NULL, "apply", MEMBER(overwrite) },
        { 0, "with-protected", NULL, "also names that programs here obey", NULL, "apply",
                        MEMBER(with_protected) },
        { 'h', "help", NULL, "this text", NULL, NULL, MEMBER(help) },
        { 0, "version", NULL, "the version", NULL, NULL, MEMBER(version) },
};

#define N_OPTIONS (N_SETTINGS + ELEMENTSOF(own))

/* The option in a row of the settings, or a row here, by one number. False for a setting without an option.
 */
static bool option_at(size_t i, Option *ret) {
        const Setting *s = i < N_SETTINGS ? &settings[i] : NULL;

        if (!s)
                *ret = own[i - N_SETTINGS];
        else if (s->option)
                *ret = (Option) { s->letter, s->option, s->value_name, s->help,
                        s->type == TYPE_WORD || (s->type == TYPE_BOOLEAN && s->value_name) ? s->range : NULL,
                        .section = s->section, .key = s->key };
        else
                return false;
        if (ret->section)
                ret->verbs = MAKERS;
        return true;
}

bool options_get(size_t i, Option *ret) {
        for (size_t j = 0; j < N_OPTIONS; j++)
                if (option_at(j, ret) && i-- == 0)
                        return true;
        return false;
}

/* `auto kvm tcg` as `auto, kvm or tcg`. */
static void print_words(FILE *f, const char *words, const char *last) {
        size_t n = setting_next_word(&words);

        while (n > 0) {
                const char *next = words + n;
                size_t next_n = setting_next_word(&next);
                const char *after = next + next_n;

                fprintf(f, "%.*s%s", (int) n, words,
                                next_n == 0                                     ? ""
                                                : setting_next_word(&after) > 0 ? ", "
                                                                                : last);
                words = next;
                n = next_n;
        }
}

static void print_option(const Option *o) {
        char form[64];

        snprintf(form, sizeof(form), "%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ?: ' ', o->name,
                        o->value ? " " : "", o->value ?: "");
        printf("  %-38s ", form);
        /* of settings the heading says it */
        if (o->verbs && !o->section) {
                print_words(stdout, o->verbs, ", ");
                fputs(": ", stdout);
        }
        if (o->help)
                fputs(o->help, stdout);
        else
                print_words(stdout, o->words, " or ");
        fputc('\n', stdout);
}

static void print_part(bool are_settings) {
        Option o;

        for (size_t i = 0; options_get(i, &o); i++)
                if (!!o.section == are_settings)
                        print_option(&o);
}

void options_print(void) {
        puts("\nSettings:");
        print_part(true);
        puts("\nOptions:");
        print_part(false);
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
        const char *value = secret || strcmp(option->section, "Environment") == 0 ? getenv(name) : NULL;
        int r;

        if (!value)
                return fail(EXIT_USAGE, "--%s %s: must be %s", option->name, name, option->value);
        if (!secret) {
                r = check_value(option, value);
                if (r != 0)
                        return r;
        }
        r = strv_appendf(&o->settings, "[%s]\n%s=%s\n", option->section, name, secret ? "" : value);
        memory_need(r >= 0);
        return 0;
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
        memory_need(r >= 0);
        return 0;
}

static int take_option(RunOptions *o, const Option *option, const char *value) {
        memory_need(strv_append(&o->given, option->name) >= 0);
        if (option->section) {
                memory_need(strv_append(&o->set_by, option->name) >= 0);
                return add_setting(o, option, value ?: "yes");
        }
        if (value)
                *(const char **) (void *) ((char *) o + option->offset) = value;
        else
                *(bool *) ((char *) o + option->offset) = true;
        return 0;
}

/* What getopt_long() is told. The value of a long option is its number, behind all letters. */
typedef struct Syntax {
        char letters[2 + 2 * N_OPTIONS + 1];
        struct option names[N_OPTIONS + 1];
} Syntax;

enum { FIRST_NUMBER = 256, WORD = 1 };

static void make_syntax(Syntax *ret) {
        char *letter = ret->letters;
        size_t n = 0;
        Option o;

        *ret = (Syntax) {};
        /* `-`: words are handed over in their order; `:`: a missing value is another error than an unknown
         * option */
        *letter++ = '-';
        *letter++ = ':';
        for (size_t i = 0; i < N_OPTIONS; i++) {
                if (!option_at(i, &o))
                        continue;
                ret->names[n++] = (struct option) { o.name, o.value ? required_argument : no_argument, NULL,
                        FIRST_NUMBER + (int) i };
                if (o.letter)
                        *letter++ = o.letter;
                if (o.letter && o.value)
                        *letter++ = ':';
        }
}

/* By what getopt_long() returned. False for no option at all. */
static bool find_option(int c, Option *ret) {
        for (size_t i = 0; i < N_OPTIONS; i++)
                if (option_at(i, ret) && (c == FIRST_NUMBER + (int) i || (ret->letter && c == ret->letter)))
                        return true;
        return false;
}

static bool is_abbreviation(const char *word, const Option *option) {
        return strncmp(word, "--", 2) == 0 && strcspn(word + 2, "=") != strlen(option->name);
}

/* `word` is where the option stands. 0 or an exit status. */
static int parse_option(RunOptions *o, int c, const char *word) {
        bool missing = c == ':', wrong = c == '?';
        Option option;

        if (!find_option(missing || wrong ? optopt : c, &option) || is_abbreviation(word, &option))
                return fail(EXIT_USAGE, "unknown option '%s'; see: claude-run --help", word);
        if (missing)
                return fail(EXIT_USAGE, "--%s needs a value: %s", option.name, option.value);
        if (wrong)
                return fail(EXIT_USAGE, "--%s takes no value", option.name);
        return take_option(o, &option, option.value ? optarg : NULL);
}

/* As with ssh and docker, the word after the VM's name begins a command, whose options are its own. */
static bool begins_command(const RunOptions *o) {
        return o->words && strcmp(o->words[0], "exec") == 0 && o->words[1];
}

int options_parse(RunOptions *o, int argc, char **argv) {
        int c, at, r = 0;
        Syntax syntax;

        make_syntax(&syntax);
        opterr = 0;
        /* 0 and not 1: begins from nothing also in a second call */
        optind = 0;
        while (r == 0) {
                at = optind > 0 ? optind : 1;
                c = getopt_long(argc, argv, syntax.letters, syntax.names, NULL);
                if (c < 0) {
                        /* it has stepped over the `--` */
                        if (optind > at)
                                o->arguments = argv + optind;
                        break;
                }
                if (c == WORD && begins_command(o)) {
                        o->arguments = argv + optind - 1;
                        break;
                }
                if (c == WORD)
                        memory_need(strv_append(&o->words, optarg) >= 0);
                else
                        r = parse_option(o, c, argv[at]);
        }
        return r;
}

bool options_takes_next(const char *word) {
        Option option;

        if (strncmp(word, "--", 2) == 0) {
                for (size_t i = 0; options_get(i, &option); i++)
                        if (strcmp(word + 2, option.name) == 0)
                                return option.value;
                return false;
        }
        for (const char *letter = word + 1; *letter; letter++)
                for (size_t i = 0; options_get(i, &option); i++)
                        if (option.letter == *letter && option.value)
                                return !letter[1];
        return false;
}

static bool takes(const Option *option, const char *verb) {
        return !option->verbs || setting_has_word(option->verbs, verb);
}

static int refuse_verb(const Option *option, const char *verb) {
        _cleanup_free_ char *verbs = NULL;
        size_t size;
        FILE *f = open_memstream(&verbs, &size);

        if (f) {
                print_words(f, option->verbs, " and ");
                fclose(f);
        }
        return fail(EXIT_USAGE, "--%s is not for %s, but for %s", option->name, verb, verbs ?: "others");
}

int options_check(const RunOptions *o, const char *verb) {
        Option option;

        for (char *const *name = o->given; name && *name; name++)
                for (size_t i = 0; options_get(i, &option); i++)
                        if (strcmp(option.name, *name) == 0 && !takes(&option, verb))
                                return refuse_verb(&option, verb);
        return 0;
}

void options_done(RunOptions *o) {
        o->words = strv_free(o->words);
        o->settings = strv_free(o->settings);
        o->set_by = strv_free(o->set_by);
        o->given = strv_free(o->given);
}
