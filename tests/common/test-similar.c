#include "tests/test.h"

#include "common/similar.h"

static unsigned near(const char *word, const char *other) {
        unsigned best = SIMILAR_NONE;

        return similar_is_nearer(word, other, &best) ? best : SIMILAR_NONE;
}

static void test_errors(void **state) {
        assert_int_equal(near("Mode", "Mode"), 0);
        assert_int_equal(near("mode", "Mode"), 0);
        assert_int_equal(near("Mod", "Mode"), 1);
        assert_int_equal(near("Moode", "Mode"), 1);
        assert_int_equal(near("Mote", "Mode"), 1);
        /* two letters swapped are one error */
        assert_int_equal(near("Mdoe", "Mode"), 1);
        assert_int_equal(near("strat", "start"), 1);
        assert_int_equal(near("WorkDirectroy", "WorkDirectory"), 1);
        assert_int_equal(near("AgentArgumnts", "AgentArguments"), 1);
        assert_int_equal(near("netwrok", "network"), 1);
}

static void test_others(void **state) {
        static const char *const words[] = { "Home", "", "Md", "edoM",
                "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                assert_int_equal(near(words[i], "Mode"), SIMILAR_NONE);
}

static void test_nearest(void **state) {
        unsigned best = SIMILAR_NONE;

        assert_true(similar_is_nearer("stat", "start", &best));
        assert_false(similar_is_nearer("stat", "shell", &best));
        assert_false(similar_is_nearer("stat", "restart", &best));
        assert_int_equal(best, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_nearest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
