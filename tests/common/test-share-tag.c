#include "tests/test.h"

#include "common/share-tag.h"

static bool is_valid(const char *s) {
        return share_tag_is_valid(s, strlen(s));
}

static void test_rule(void **state) {
        assert_true(is_valid("a"));
        assert_true(is_valid("nix_store"));
        assert_true(is_valid("abcdefghij123456"));
        assert_false(is_valid(""));
        assert_false(is_valid("abcdefghij1234567"));
        /* the letter in front is what two of three rules once forgot */
        assert_false(is_valid("0a"));
        assert_false(is_valid("_a"));
        assert_false(is_valid("A"));
        assert_false(is_valid("a-b"));
        assert_false(is_valid("a,b"));
        assert_false(is_valid("a:b"));
}

static void test_size(void **state) {
        assert_true(share_tag_is_valid("work=rw", strlen("work")));
        assert_false(share_tag_is_valid("work=rw", strlen("work=")));
}

static void test_reserved(void **state) {
        assert_true(share_tag_is_reserved("work"));
        assert_true(share_tag_is_reserved("user_config"));
        assert_false(share_tag_is_reserved("works"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_reserved),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
