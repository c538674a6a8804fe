#include "tests/test.h"

#include <stdbool.h>

#include "common/cleanup.h"
#include "config.h"
#include "generator/project.h"
#include "helper/claude-run/claude-run.h"
#include "tests/capture.h"

static char *page;

/* Each verb and option is in the man page. */
static void test_man_page(void **state) {
        const char *name;
        char entry[64];

        for (unsigned i = 0; (name = claude_run_verb(i)); i++) {
                snprintf(entry, sizeof(entry), "\n.B %s\n", name);
                if (!strstr(page, entry))
                        fail_msg("the verb %s is not in the man page", name);
        }
        for (unsigned i = 0; (name = options_name(i)); i++) {
                snprintf(entry, sizeof(entry), "\\-\\-%s", name);
                if (!strstr(page, entry))
                        fail_msg("the option --%s is not in the man page", name);
        }
}

static bool is_option_for(const char *section, const char *key) {
        const char *option_key, *option_section;

        for (unsigned i = 0; options_name(i); i++) {
                option_section = options_setting(i, &option_key);
                if (option_section && strcmp(option_section, section) == 0 &&
                                (!option_key || strcmp(option_key, key) == 0))
                        return true;
        }
        return false;
}

/* Each key of an ini has an option, or the page says with `KEY=` what stands for it. */
static void test_keys_have_options(void **state) {
        const Key *key;
        char entry[64];

        for (size_t i = 0; (key = project_key(i)); i++) {
                snprintf(entry, sizeof(entry), "%s=", key->key);
                if (!is_option_for(key->section, key->key) && !strstr(page, entry))
                        fail_msg("%s= of [%s] has no option, and the man page does not say why", key->key,
                                        key->section);
        }
}

/* Each option for a setting is one that the parser knows. */
static void test_options_are_keys(void **state) {
        for (unsigned i = 0; options_name(i); i++) {
                const char *name, *section = options_setting(i, &name);
                bool found = !section || (!name && project_section_has_variables(section));
                const Key *key;

                for (size_t j = 0; !found && (key = project_key(j)); j++)
                        found = strcmp(key->section, section) == 0 && (!name || strcmp(key->key, name) == 0);
                if (!found)
                        fail_msg("--%s is [%s] %s=, which no ini has", options_name(i), section,
                                        name ?: "NAME");
        }
}

typedef struct Call {
        const char *words[4];
        int status;
        const char *says; /* on stdout if the status is 0, else on stderr */
} Call;

static void check_call(const Call *call) {
        RunOptions options = { .generator = "/nonexistent/generator", .ssh = "/nonexistent/ssh" };
        char *argv[6] = { (char *) "claude-run" };
        Capture c = capture_begin(call->status == 0 ? STDOUT_FILENO : STDERR_FILENO);
        const char *said;
        int argc = 1, r;

        for (; argc < 5 && call->words[argc - 1]; argc++)
                argv[argc] = (char *) call->words[argc - 1];
        r = claude_run(&options, argc, argv);
        said = capture_end(c);
        assert_says(said, call->says);
        assert_int_equal(r, call->status);
}

static void test_command_lines(void **state) {
        static const Call calls[] = {
                { { "--bogus" }, 2, "claude-run: unknown option '--bogus'; see: claude-run --help\n" },
                { { "-x" }, 2, "unknown option '-x'" },
                { { "list", "--js" }, 2, "unknown option '--js'" },
                { { "--json=1" }, 2, "--json takes no value" },
                { { "logs", "--since" }, 2, "--since needs a value: TIME" },
                { { "--memory" }, 2, "--memory needs a value: SIZE" },
                { { "--memory=1G\n[Project]" }, 2, "--memory: the value has a control character" },
                { { "--env", "NOT_SET_HERE" }, 2, "--env NOT_SET_HERE: " },
                { { "--env", "MULTILINE" }, 2, "--env: the value has a control character" },
                /* the message has none of it either */
                { { "--\033[2J" }, 2, "unknown option '--?[2J'" },
                { { "config", "show", "a/b" }, 2, "'a/b'" },
                { { "--help" }, 0, "claude-run [VERB] [NAME] [OPTIONS] [-- ARGUMENTS…]\n" },
                { { "--help" }, 0, "\n  -m --memory SIZE " },
                { { "list", "--version" }, 0, "claude-run " PROJECT_VERSION "\n" },
                { { "config", "show", "p" }, 1, "Failed to " },
        };

        setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
        setenv("MULTILINE", "a\nb", 1);
        unsetenv("NOT_SET_HERE");
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                check_call(&calls[i]);
}

/* Outside of a session: each verb says so, and what to do. */
static void test_no_session(void **state) {
        const char *name;

        unsetenv("XDG_RUNTIME_DIR");
        for (unsigned i = 0; (name = claude_run_verb(i)); i++)
                check_call(&(Call) { { name }, 1, "claude-run: XDG_RUNTIME_DIR is not set" });
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_man_page),
                cmocka_unit_test(test_keys_have_options),
                cmocka_unit_test(test_options_are_keys),
                cmocka_unit_test(test_command_lines),
                cmocka_unit_test(test_no_session),
        };
        _cleanup_fclose_ FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;
        _cleanup_free_ char *text = calloc(1, 1 << 20);

        if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
                return 1;
        page = text;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
