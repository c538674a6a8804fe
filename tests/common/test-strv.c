#include "tests/test.h"

#include "common/strv.h"

static void test_append(void **state) {
        _cleanup_strv_free_ char **strv = NULL;

        assert_int_equal(strv_length(strv), 0);
        assert_int_equal(strv_append(&strv, "one"), 0);
        assert_int_equal(strv_appendf(&strv, "%s-%d", "two", 2), 0);
        assert_int_equal(strv_length(strv), 2);
        assert_string_equal(strv[0], "one");
        assert_string_equal(strv[1], "two-2");
        assert_null(strv[2]);
}

static void test_extend(void **state) {
        _cleanup_strv_free_ char **strv = NULL;

        assert_int_equal(strv_extend(&strv, "a", "", "c", NULL), 0);
        assert_int_equal(strv_extend(&strv, "d", NULL), 0);
        assert_int_equal(strv_length(strv), 4);
        assert_string_equal(strv[0], "a");
        assert_string_equal(strv[1], "");
        assert_string_equal(strv[2], "c");
        assert_string_equal(strv[3], "d");
        assert_null(strv[4]);
}

static void test_value(void **state) {
        char *const strv[] = { (char *) "AB=1", (char *) "A=2=3", (char *) "C", (char *) "A=4", NULL };

        assert_string_equal(strv_value(strv, "A"), "2=3");
        assert_string_equal(strv_value(strv, "AB"), "1");
        assert_null(strv_value(strv, "C"));
        assert_null(strv_value(NULL, "A"));
}

static void test_contains(void **state) {
        char *const strv[] = { (char *) "one", (char *) "", NULL };

        assert_true(strv_contains(strv, "one"));
        assert_true(strv_contains(strv, ""));
        assert_false(strv_contains(strv, "on"));
        assert_false(strv_contains(NULL, "one"));
}

/* The array owns copies: what the caller does with its string afterwards is no matter, and an empty one
 * counts. */
static void test_copies(void **state) {
        _cleanup_strv_free_ char **strv = NULL;
        char word[] = "before";

        assert_int_equal(strv_append(&strv, word), 0);
        memcpy(word, "after!", sizeof(word));
        assert_int_equal(strv_append(&strv, ""), 0);
        /* a format is the caller's, a word is not */
        assert_int_equal(strv_append(&strv, "%s%n"), 0);
        assert_int_equal(strv_appendf(&strv, "%s", strv[0]), 0);
        assert_string_equal(strv[0], "before");
        assert_string_equal(strv[1], "");
        assert_string_equal(strv[2], "%s%n");
        assert_string_equal(strv[3], "before");
        assert_ptr_not_equal(strv[0], strv[3]);
        assert_int_equal(strv_length(strv), 4);
}

/* It grows past any first size, keeps the order, and is ended by NULL after each call. */
static void test_grows(void **state) {
        _cleanup_strv_free_ char **strv = NULL;

        for (int i = 0; i < 1000; i++) {
                assert_int_equal(strv_appendf(&strv, "%d", i), 0);
                assert_int_equal(strv_length(strv), i + 1);
        }
        for (int i = 0; i < 1000; i++)
                assert_int_equal(atoi(strv[i]), i);
}

static void test_free_takes_null(void **state) {
        char **empty = calloc(1, sizeof(char *));

        assert_int_equal(strv_length(empty), 0);
        assert_null(strv_free(empty));
        assert_null(strv_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_append),
                cmocka_unit_test(test_extend),
                cmocka_unit_test(test_value),
                cmocka_unit_test(test_contains),
                cmocka_unit_test(test_copies),
                cmocka_unit_test(test_grows),
                cmocka_unit_test(test_free_takes_null),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
