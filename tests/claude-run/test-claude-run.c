#include "tests/test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/settings.h"
#include "common/strv.h"
#include "generator/project.h"
#include "helper/claude-run/claude-run.h"

static char *page;

/* Each verb and option is in the man page. */
static void test_man_page(void **state) {
        const char *name;
        char entry[64];
        Option option;

        for (unsigned i = 0; (name = claude_run_verb(i)); i++) {
                snprintf(entry, sizeof(entry), "\n.B %s\n", name);
                if (!strstr(page, entry))
                        fail_msg("the verb %s is not in the man page", name);
        }
        for (size_t i = 0; options_get(i, &option); i++) {
                snprintf(entry, sizeof(entry), "\\-\\-%s", option.name);
                if (!strstr(page, entry))
                        fail_msg("the option --%s is not in the man page", option.name);
        }
}

/* Each key of an ini has an option, or the page says with `KEY=` what stands for it. */
static void test_keys_have_options(void **state) {
        char entry[64];

        for (size_t i = 0; i < N_SETTINGS; i++) {
                const Setting *key = &settings[i];

                snprintf(entry, sizeof(entry), "%s=", key->key);
                /* --property is for all of [Service] */
                if (!key->option && strcmp(key->section, "Service") != 0 && !strstr(page, entry))
                        fail_msg("%s= of [%s] has no option, and the man page does not say why", key->key,
                                        key->section);
        }
}

static bool is_verb(const char *word, size_t n) {
        const char *name;

        for (unsigned i = 0; (name = claude_run_verb(i)); i++)
                if (strlen(name) == n && memcmp(word, name, n) == 0)
                        return true;
        return false;
}

/* Sections and verbs are words of other tables, and no two options have one name. */
static void test_options(void **state) {
        Option option, other;

        for (size_t i = 0; options_get(i, &option); i++) {
                bool found = !option.section || option.key || project_section_has_variables(option.section);
                size_t n;

                for (size_t j = 0; !found && j < N_SETTINGS; j++)
                        found = strcmp(settings[j].section, option.section) == 0;
                if (!found)
                        fail_msg("--%s is of [%s], which no ini has", option.name, option.section);
                for (const char *verb = option.verbs ?: ""; (n = setting_next_word(&verb)) > 0; verb += n)
                        if (!is_verb(verb, n))
                                fail_msg("--%s is for %.*s, which is no verb", option.name, (int) n, verb);
                for (size_t j = 0; j < i && options_get(j, &other); j++) {
                        assert_string_not_equal(option.name, other.name);
                        assert_false(option.letter && option.letter == other.letter);
                }
        }
}

#define ARGV(...) ((const char *[]) { "claude-run", __VA_ARGS__, NULL })

static int length(const char *const *argv) {
        int n = 0;

        while (argv[n])
                n++;
        return n;
}

/* Runs the command line; what it says on stderr is in `said`. */
static char said[4096];

static int run_with(const char *generator, const char *const *argv) {
        RunOptions options = { .generator = generator, .ssh = "/nonexistent" };
        int saved = dup(STDERR_FILENO), log = memfd_create("stderr", MFD_CLOEXEC), status;
        ssize_t n;

        assert_true(saved >= 0 && log >= 0 && dup2(log, STDERR_FILENO) >= 0);
        status = claude_run(&options, length(argv), (char **) argv);
        fflush(stderr);
        n = pread(log, said, sizeof(said) - 1, 0);
        said[n > 0 ? n : 0] = '\0';
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(log);
        return status;
}

static void refused(const char *message, const char *const *argv) {
        assert_int_equal(run_with("/nonexistent", argv), 2);
        if (!strstr(said, message))
                fail_msg("'%s' has no '%s'", said, message);
}

static void test_wrong_command_lines(void **state) {
        refused("unknown option '--bogus'; see: claude-run --help", ARGV("--bogus"));
        refused("unknown option '--bogus=1'", ARGV("--bogus=1"));
        refused("unknown option '-x'", ARGV("-x"));
        refused("unknown option '-tx'", ARGV("exec", "-tx"));
        /* a name is written out */
        refused("unknown option '--mem'", ARGV("--mem", "8G"));
        refused("unknown option '--mem=8G'", ARGV("--mem=8G"));
        refused("unknown option '--jso'", ARGV("list", "--jso"));
        /* the message has no escape sequence either */
        refused("unknown option '--?[2J'", ARGV("--\033[2J"));
        refused("--json takes no value", ARGV("--json=1"));
        refused("--since needs a value: TIME", ARGV("logs", "--since"));
        refused("--memory needs a value: SIZE", ARGV("-m"));
        refused("--env NOT_SET_HERE: must be NAME[=VALUE]", ARGV("-e", "NOT_SET_HERE"));
        refused("--memory: the value has ", ARGV("--memory", "8G\nCPUs=9"));
        assert_int_equal(run_with("/nonexistent", ARGV("--help")), 0);
        assert_int_equal(run_with("/nonexistent", ARGV("list", "--version")), 0);
}

/* Outside of a session: each verb says so, and what to do. */
static void test_no_session(void **state) {
        const char *name;
        char path[64];

        /* the directory of who runs the tests is none of theirs */
        snprintf(path, sizeof(path), "/run/user/%u", getuid());
        if (geteuid() != 0 && access(path, F_OK) == 0)
                skip();
        unsetenv("XDG_RUNTIME_DIR");
        for (unsigned i = 0; (name = claude_run_verb(i)); i++) {
                assert_int_equal(run_with("/nonexistent", ARGV(name)), 1);
                assert_non_null(strstr(said, "claude-run: XDG_RUNTIME_DIR is not set"));
        }
}

/* Newcomers wrote `start -m 2G website` and believed it. */
static void test_options_of_other_verbs(void **state) {
        setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
        refused("--memory is not for start, but for run and config", ARGV("start", "-m", "2G", "website"));
        refused("--memory is not for attach", ARGV("--memory", "2G", "attach"));
        refused("--since is not for run, but for logs", ARGV("--since", "today"));
        refused("--property is not for stop", ARGV("stop", "--property", "Nice=1"));
        refused("--user is not for list, but for exec, shell, ssh and cp", ARGV("list", "--user", "root"));
        refused("--json is not for start", ARGV("start", "--json"));
}

static RunOptions parsed(const char *const *argv) {
        RunOptions o = {};

        assert_int_equal(options_parse(&o, length(argv), (char **) argv), 0);
        return o;
}

static void test_parse(void **state) {
        RunOptions o = parsed(
                        ARGV("-C", "/x", "exec", "--user=root", "web", "-t", "--", "--memory", "-h", "--"));

        assert_string_equal(o.directory, "/x");
        assert_string_equal(o.user, "root");
        assert_true(o.terminal);
        assert_false(o.help);
        assert_int_equal(strv_length(o.words), 2);
        assert_string_equal(o.words[0], "exec");
        assert_string_equal(o.words[1], "web");
        assert_int_equal(strv_length(o.arguments), 3);
        assert_string_equal(o.arguments[0], "--memory");
        options_done(&o);

        /* in their order, because of two the later one counts */
        assert_int_equal(setenv("OF_THIS_SHELL", "a b", 1), 0);
        o = parsed(ARGV("-m", "2G", "-e", "A=b=c", "-m4G", "-e", "OF_THIS_SHELL", "--credential",
                        "OF_THIS_SHELL", "--property", "Nice=1", "-"));
        assert_int_equal(strv_length(o.settings), 6);
        assert_string_equal(o.settings[0], "[VM]\nMemory=2G\n");
        assert_string_equal(o.settings[1], "[Environment]\nA=b=c\n");
        assert_string_equal(o.settings[2], "[VM]\nMemory=4G\n");
        assert_string_equal(o.settings[3], "[Environment]\nOF_THIS_SHELL=a b\n");
        /* a secret's value is in no file */
        assert_string_equal(o.settings[4], "[Credentials]\nOF_THIS_SHELL=\n");
        assert_string_equal(o.settings[5], "[Service]\nNice=1\n");
        assert_string_equal(o.words[0], "-");
        assert_null(o.arguments);
        options_done(&o);
}

/* A value may look like an option. */
static void test_values(void **state) {
        RunOptions o = parsed(ARGV("logs", "in", "--since", "-1h", "-u", "-f"));

        assert_string_equal(o.since, "-1h");
        assert_string_equal(o.user, "-f");
        assert_false(o.follow);
        assert_int_equal(strv_length(o.words), 2);
        options_done(&o);
}

/* `--` at the end is arguments, none; as the value of an option it is that. */
static void test_end_of_options(void **state) {
        RunOptions o = parsed(ARGV("run", "--"));

        assert_non_null(o.arguments);
        assert_null(o.arguments[0]);
        options_done(&o);
        o = parsed(ARGV("--name", "--"));
        assert_string_equal(o.name, "--");
        assert_null(o.arguments);
        options_done(&o);
        o = parsed(ARGV("--name", "--", "--", "x"));
        assert_string_equal(o.arguments[0], "x");
        options_done(&o);
        o = (RunOptions) {};
        assert_int_equal(options_parse(&o, 0, (char *[]) { NULL }), 0);
        assert_null(o.words);
}

/* The words after the VM's name are a command, whose options are its own. */
static void test_command_of_exec(void **state) {
        RunOptions o = parsed(ARGV("exec", "-u", "root", "web", "ls", "-l", "--", "--user"));

        assert_string_equal(o.user, "root");
        assert_int_equal(strv_length(o.words), 2);
        assert_int_equal(strv_length(o.arguments), 4);
        assert_string_equal(o.arguments[0], "ls");
        assert_string_equal(o.arguments[3], "--user");
        options_done(&o);
        o = parsed(ARGV("exec", "web", "--", "ls", "-l"));
        assert_int_equal(strv_length(o.words), 2);
        assert_string_equal(o.arguments[0], "ls");
        options_done(&o);
        o = parsed(ARGV("start", "exec", "web", "ls"));
        assert_int_equal(strv_length(o.words), 4);
        options_done(&o);
}

/* A generator that knows the one project `stat`, and a user without a service manager. */
static void test_unknown_verbs(void **state) {
        static const char *const words[][2] = { { "strat", "start" }, { "ps", "list" }, { "kill", "stop" },
                { "lis", "list" }, { "help", "--help" }, { "restrat", "restart" } };
        char directory[] = "/tmp/test-claude-run.XXXXXX", generator[64], message[128];
        FILE *f;

        assert_non_null(mkdtemp(directory));
        snprintf(generator, sizeof(generator), "%s/generator", directory);
        f = fopen(generator, "we");
        assert_non_null(f);
        fputs("#!/bin/sh\necho '[{\"name\":\"stat\",\"uuid\":\"0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968\","
              "\"workDirectory\":\"/w\",\"file\":\"/c/stat.ini\",\"agent\":\"claude\"}]'\n",
                        f);
        assert_int_equal(fchmod(fileno(f), 0700), 0);
        fclose(f);
        setenv("XDG_RUNTIME_DIR", directory, 1);
        setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent", 1);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                snprintf(message, sizeof(message), "unknown command '%s', did you mean %s?", words[i][0],
                                words[i][1]);
                assert_int_equal(run_with(generator, ARGV(words[i][0], "demo")), 2);
                if (!strstr(said, message))
                        fail_msg("'%s' has no '%s'", said, message);
        }
        /* like `start`, but a project */
        run_with(generator, ARGV("stat", "--", "x"));
        assert_null(strstr(said, "unknown command"));
        /* like nothing */
        run_with(generator, ARGV("website", "--", "x"));
        assert_null(strstr(said, "unknown command"));
        unlink(generator);
        rmdir(directory);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_man_page),
                cmocka_unit_test(test_keys_have_options),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_wrong_command_lines),
                cmocka_unit_test(test_no_session),
                cmocka_unit_test(test_options_of_other_verbs),
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_end_of_options),
                cmocka_unit_test(test_command_of_exec),
                cmocka_unit_test(test_unknown_verbs),
        };
        _cleanup_fclose_ FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;
        _cleanup_free_ char *text = calloc(1, 1 << 20);

        if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
                return 1;
        page = text;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
