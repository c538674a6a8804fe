/* A unit was made from files, and a start compares: the ini, what would hide it, and the defaults. */

#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/config-id.h"
#include "common/strv.h"
#include "helper/host/config-check.h"
#include "tests/capture.h"
#include "tests/scratch.h"

static int setup(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_write("p.ini", "ini\n", 0600);
        return 0;
}

/* What the generator writes, with this text of the defaults when it did; NULL: there were none. */
static char **variables_of(const char *defaults) {
        char id[CONFIG_ID_SIZE], defaults_id[CONFIG_ID_SIZE] = "";
        char **variables = NULL;

        config_id_of("ini\n", 4, id);
        if (defaults)
                config_id_of(defaults, strlen(defaults), defaults_id);
        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_CONFIG_FILE_0=%s", scratch_path("p.ini")), 0);
        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_CONFIG_ID=%s", id), 0);
        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_DEFAULTS_0=:/nonexistent/defaults.ini"), 0);
        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_DEFAULTS_1=%s:%s", defaults_id,
                                         scratch_path("defaults.ini")),
                        0);
        return variables;
}

static void assert_same(const char *defaults) {
        _cleanup_strv_free_ char **variables = variables_of(defaults);
        _cleanup_free_ char *why = NULL;

        assert_int_equal(config_check(variables, &why), 0);
}

static void assert_changed(const char *defaults, const char *file) {
        _cleanup_strv_free_ char **variables = variables_of(defaults);
        _cleanup_free_ char *why = NULL;

        assert_int_equal(config_check(variables, &why), -ESTALE);
        assert_says(why, file);
        assert_says(why, "claude-run");
}

static void test_ini(void **state) {
        assert_same(NULL);
        scratch_write("p.ini", "other\n", 0600);
        assert_changed(NULL, "p.ini");
}

static void test_defaults(void **state) {
        assert_changed("[VM]\n", "defaults.ini");
        scratch_write("defaults.ini", "[VM]\n", 0600);
        assert_same("[VM]\n");
        assert_changed(NULL, "defaults.ini");
        assert_changed("[VM]\nCPUs=1\n", "defaults.ini");
        scratch_write("defaults.ini", "", 0600);
        assert_same(NULL);
        assert_changed("[VM]\n", "defaults.ini");
}

static void test_links(void **state) {
        scratch_link("/dev/null", "defaults.ini");
        assert_same(NULL);
        assert_changed("[VM]\n", "defaults.ini");
        assert_int_equal(unlink(scratch_path("defaults.ini")), 0);
        /* the generator follows none, so it has not read this */
        scratch_write("other.ini", "[VM]\n", 0600);
        scratch_link("other.ini", "defaults.ini");
        assert_changed("[VM]\n", "defaults.ini");
}

/* The error counts more than that the file differs, and the mended file is another one, too. */
static void test_unreadable_defaults(void **state) {
        _cleanup_strv_free_ char **variables = variables_of(NULL);
        _cleanup_free_ char *broken = NULL, *mended = NULL;

        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_CONFIG_ERROR=defaults.ini: is a symbolic link"),
                        0);
        scratch_write("other.ini", "[VM]\n", 0600);
        scratch_link("other.ini", "defaults.ini");
        assert_int_equal(config_check(variables, &broken), -ESTALE);
        assert_int_equal(strncmp(broken, "defaults.ini: is a symbolic link", 32), 0);
        assert_says(broken, "daemon-reload");
        assert_int_equal(unlink(scratch_path("defaults.ini")), 0);
        scratch_write("defaults.ini", "[VM]\n", 0600);
        assert_int_equal(config_check(variables, &mended), -ESTALE);
}

static void test_no_identity(void **state) {
        char *variables[] = { (char *) "CLAUDE_VM_DEFAULTS_0=:/nonexistent", NULL };
        _cleanup_free_ char *why = NULL;

        assert_int_equal(config_check(variables, &why), -ENODATA);
}

static void test_id(void **state) {
        char *variables[] = { (char *) "CLAUDE_VM_DEFAULTS_1=2:/b", (char *) "CLAUDE_VM_CONFIG_ID=0",
                (char *) "CLAUDE_VM_DEFAULTS_0=1:/a", NULL };
        _cleanup_free_ char *id = config_print_id(variables), *none = config_print_id(variables + 3);

        assert_string_equal(id, "0 1:/a 2:/b");
        assert_string_equal(none, "");
}

static bool knows(const char *link) {
        _cleanup_strv_free_ char **variables = NULL;

        assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_WORK_DIRECTORY=%s", scratch), 0);
        if (link)
                assert_int_equal(strv_appendf(&variables, "CLAUDE_VM_GIT_LINK=%s", link), 0);
        return config_knows_git_link(variables);
}

/* The worktree was made after the projects were read, or moved. */
static void test_git_link(void **state) {
        static const char text[] = "gitdir: /repository/.git/worktrees/here\n";
        char id[CONFIG_ID_SIZE];

        config_id_of(text, strlen(text), id);
        assert_true(knows(NULL));
        assert_false(knows(id));
        scratch_write(".git", text, 0600);
        assert_false(knows(NULL));
        assert_true(knows(id));
        assert_true(knows("no"));
        scratch_write(".git", "gitdir: /elsewhere\n", 0600);
        assert_false(knows(id));
        assert_true(knows("no"));
        /* an ordinary repository, and what a guest could put there */
        assert_int_equal(unlink(scratch_path(".git")), 0);
        scratch_mkdir(".git");
        assert_true(knows(NULL));
        assert_int_equal(rmdir(scratch_path(".git")), 0);
        assert_int_equal(mkfifo(scratch_path(".git"), 0600), 0);
        assert_true(knows(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_ini, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_defaults, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_links, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_unreadable_defaults, setup, scratch_teardown),
                cmocka_unit_test(test_no_identity),
                cmocka_unit_test(test_id),
                cmocka_unit_test_setup_teardown(test_git_link, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
