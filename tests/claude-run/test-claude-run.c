#include "test.h"

#include "claude-run.h"
#include "cleanup.h"

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
        for (unsigned i = 0; (name = claude_run_option(i)); i++) {
                snprintf(entry, sizeof(entry), "\\-\\-%s", name);
                if (!strstr(page, entry))
                        fail_msg("the option --%s is not in the man page", name);
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
                cmocka_unit_test(test_wrong_command_lines),
        };
        _cleanup_fclose_ FILE *f = argc > 1 ? fopen(argv[1], "re") : NULL;
        _cleanup_free_ char *text = calloc(1, 1 << 20);

        if (!f || !text || fread(text, 1, (1 << 20) - 1, f) == 0)
                return 1;
        page = text;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
