#include "test.h"

#include <errno.h>

#include "generator-list.h"

static int parse(const char *text, ProjectEntries *ret) {
        char *copy = strdup(text);
        int r = generator_list_parse(copy, ret);

        free(copy);
        return r;
}

static void test_parse(void **state) {
        ProjectEntries e;

        assert_int_equal(parse("", &e), 0);
        assert_int_equal(e.n, 0);
        project_entries_done(&e);
        assert_int_equal(parse("a\tu\t/w\t/a.ini\tclaude\nb\tv\t/w x\t/b.ini\tcodex\n", &e), 0);
        assert_int_equal(e.n, 2);
        assert_string_equal(e.items[1].work_directory, "/w x");
        assert_string_equal(e.items[1].agent, "codex");
        assert_ptr_equal(project_entries_find(&e, "b"), &e.items[1]);
        assert_ptr_equal(project_entries_find(&e, "V"), &e.items[1]);
        assert_null(project_entries_find(&e, "c"));
        project_entries_done(&e);
        assert_int_equal(parse("a\tu\t/w\tx\n", &e), -EIO);
        assert_int_equal(parse("a\tu\t/w\tx\ty\tz\n", &e), -EIO);
        assert_int_equal(parse("\n", &e), -EIO);
}

static void test_here(void **state) {
        ProjectEntries e;
        size_t n;

        assert_int_equal(parse("a\tu\t/w\t/a.ini\tclaude\nb\tv\t/w/sub\t/b.ini\tclaude\nc\tx\t/w/sub\t/"
                               "c.ini\tclaude\n",
                                         &e),
                        0);
        assert_string_equal(project_entries_here(&e, "/w", &n)->name, "a");
        assert_int_equal(n, 1);
        assert_string_equal(project_entries_here(&e, "/w/other/x", &n)->name, "a");
        assert_non_null(project_entries_here(&e, "/w/sub/x", &n));
        assert_int_equal(n, 2);
        assert_null(project_entries_here(&e, "/wx", &n));
        assert_null(project_entries_here(&e, "/", &n));
        project_entries_done(&e);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_here),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
