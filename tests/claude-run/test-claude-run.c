#include "tests/test.h"

#include <stdbool.h>

#include "common/cleanup.h"
#include "generator/project.h"
#include "helper/claude-run/claude-run.h"

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
        char entry[64];

        for (size_t i = 0; i < N_SETTINGS; i++) {
                const Setting *key = &settings[i];

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

                for (size_t j = 0; !found && j < N_SETTINGS; j++)
                        found = strcmp(settings[j].section, section) == 0 &&
                                        (!name || strcmp(settings[j].key, name) == 0);
                if (!found)
                        fail_msg("--%s is [%s] %s=, which no ini has", options_name(i), section,
                                        name ?: "NAME");
        }
}

static int run(const char *const *argv) {
        RunOptions options = { .generator = "/nonexistent", .ssh = "/nonexistent" };
        int argc = 0;

        while (argv[argc])
                argc++;
        return claude_run(&options, argc, (char **) argv);
}

static void test_wrong_command_lines(void **state) {
        assert_int_equal(run((const char *[]) { "claude-run", "--bogus", NULL }), 2);
        assert_int_equal(run((const char *[]) { "claude-run", "-x", NULL }), 2);
        assert_int_equal(run((const char *[]) { "claude-run", "--json=1", NULL }), 2);
        assert_int_equal(run((const char *[]) { "claude-run", "logs", "--since", NULL }), 2);
        assert_int_equal(run((const char *[]) { "claude-run", "--help", NULL }), 0);
        assert_int_equal(run((const char *[]) { "claude-run", "list", "--version", NULL }), 0);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_man_page),
                cmocka_unit_test(test_keys_have_options),
                cmocka_unit_test(test_options_are_keys),
                cmocka_unit_test(test_wrong_command_lines),
        };
        _cleanup_fclose_ FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;
        _cleanup_free_ char *text = calloc(1, 1 << 20);

        if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
                return 1;
        page = text;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
