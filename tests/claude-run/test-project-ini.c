#include "tests/test.h"

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "helper/claude-run/project-ini.h"
#include "tests/capture.h"
#include "tests/claude-run/ini.h"

static int check(const char *directory, const char *home, const char **ret_said) {
        Capture c = capture_begin(STDERR_FILENO);
        int r;

        if (home)
                setenv("CLAUDE_HOME", home, 1);
        r = project_ini_check_lines(directory);
        unsetenv("CLAUDE_HOME");
        *ret_said = capture_end(c);
        return r;
}

static void refused(const char *directory, const char *home, const char *what, const char *why) {
        const char *said;

        assert_int_equal(check(directory, home, &said), EXIT_CONFIGURATION);
        assert_says(said, what);
        assert_says(said, why);
        /* it is said without what it commands the terminal */
        assert_null(strpbrk(said, "\033\r\t\a"));
        assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

/* An ini has no quotes: what its line cannot say is refused, for both directories. */
static void test_lines(void **state) {
        static const char *const control[] = { "/w\n[Project]\nShare=x:/secrets:/x", "/w\r", "/w\tx",
                "/w\033[2J", "/w\x7f", "/w\xc2\x9b" };
        const char *said;

        for (size_t i = 0; i < ELEMENTSOF(control); i++) {
                refused(control[i], NULL, "the directory '", "a control character");
                refused("/w", control[i], "CLAUDE_HOME '", "a control character");
        }
        refused("/w\u202e", NULL, "the directory '", "in its name");
        refused("/w\xff", NULL, "the directory '", "in its name");
        refused("/w ", NULL, "the directory '", "blank at the end");
        refused("/w", "/h ", "CLAUDE_HOME '", "blank at the end");

        assert_int_equal(check("/my site/ü;#\"'=[x]", "/a home", &said), 0);
        assert_string_equal(said, "");
}

static int make(const char *name, const char **ret_said) {
        Capture c = capture_begin(STDERR_FILENO);
        int r = project_ini_make(&ini_context, "/w", name);

        *ret_said = capture_end(c);
        return r;
}

static void test_make(void **state) {
        char *settings[] = { (char *) "[VM]\nMemory=2G\n", (char *) "[VM]\nCPUs=2\n", NULL };
        char *set_by[] = { (char *) "memory", (char *) "cpus", NULL }, text[4096];
        struct stat st;
        const char *said;
        FILE *f;

        ini_setup("config/claude-microvm/p.ini", NULL);
        ini_options.settings = settings;
        ini_options.set_by = set_by;
        assert_int_equal(make("p", &said), 0);
        ini_options.settings = NULL;
        assert_says(said, "project 'p' is ");
        assert_int_equal(stat(scratch_path("config/claude-microvm/p.ini"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        f = fopen(scratch_path("config/claude-microvm/p.ini"), "re");
        assert_non_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        /* a section that goes on is not begun again */
        assert_says(text, "\n[Project]\nWorkDirectory=/w\n\n[VM]\nMemory=2G\nCPUs=2\n");
}

static void test_never_over_another(void **state) {
        const char *said;

        /* one that the generator knows, also the administrator's */
        scratch_write("other.ini", "other", 0600);
        ini_setup("p.ini", "other.ini");
        assert_int_equal(make("p", &said), EXIT_CONFIGURATION);
        assert_says(said, "/other.ini; to change it: claude-run config edit p");
        assert_false(scratch_has("p.ini"));
        /* one that has come since the generator looked */
        ini_setup("p.ini", NULL);
        scratch_write("p.ini", "bad, but somebody's", 0600);
        assert_int_equal(make("p", &said), EXIT_FAILURE);
        assert_says(said, "File exists");
        assert_file("p.ini", "bad, but somebody's");
        /* and through no link */
        assert_int_equal(unlink(scratch_path("p.ini")), 0);
        scratch_link("target", "p.ini");
        assert_int_equal(make("p", &said), EXIT_FAILURE);
        assert_false(scratch_has("target"));
        assert_link("p.ini", "target");
}

/* What the generator finds wrong does not stay. */
static void test_wrong_settings(void **state) {
        char *settings[] = { (char *) "[VM]\nCPUs=2\n", (char *) "[VM]\nMemory=bad\n", NULL };
        char *set_by[] = { (char *) "cpus", (char *) "memory", NULL };
        const char *said;

        ini_setup("p.ini", NULL);
        ini_options.settings = settings;
        ini_options.set_by = set_by;
        assert_int_equal(make("p", &said), EXIT_CONFIGURATION);
        ini_options.settings = NULL;
        /* it names what was typed, not a file that is gone */
        assert_string_equal(said, "claude-run: --memory: Memory=bad\n");
        assert_false(scratch_has("p.ini"));
        assert_int_equal(make("a/b", &said), 2);
        assert_says(said, "'a/b'");
        assert_int_equal(unlink(scratch_path("generator")), 0);
        assert_int_equal(make("p", &said), EXIT_FAILURE);
        assert_says(said, "/generator'");
        assert_false(scratch_has("p.ini"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test_setup_teardown(test_make, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_never_over_another, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_wrong_settings, scratch_setup, scratch_teardown),
        };

        unsetenv("CLAUDE_HOME");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
