#include "tests/test.h"

#include "helper/line-limit.h"

#define SEC 1000000ULL

/* Sends `n` lines at one moment; how many pass. What was left out before them is added up in `said`. */
static unsigned send(LineLimit *limit, uint64_t now, unsigned n, unsigned *messages, unsigned *said) {
        unsigned passed = 0;

        for (unsigned i = 0; i < n; i++) {
                unsigned left_out = 0;

                if (!line_limit_pass(limit, now, &left_out))
                        continue;
                passed++;
                *messages += left_out > 0;
                *said += left_out;
        }
        return passed;
}

static void test_burst(void **state) {
        LineLimit limit = {};
        unsigned messages = 0, said = 0;

        assert_int_equal(send(&limit, 100 * SEC, 5000, &messages, &said), 1000);
        assert_int_equal(send(&limit, 105 * SEC, 5000, &messages, &said), 0);
        assert_int_equal(messages, 0);
        assert_int_equal(send(&limit, 111 * SEC, 10, &messages, &said), 10);
        assert_int_equal(messages, 1);
        assert_int_equal(said, 9000);
}

/* A flood of an hour and a half, two thousand lines in every second. */
static void test_hour(void **state) {
        LineLimit limit = {};
        unsigned passed = 0, messages = 0, said = 0;

        for (uint64_t t = 1; t <= 3600; t++)
                passed += send(&limit, 10000 * SEC + t * SEC, 2000, &messages, &said);
        assert_int_equal(passed, 20000);
        assert_true(messages < 20);
        messages = 0;
        for (uint64_t t = 3602; t <= 5400; t++)
                passed += send(&limit, 10000 * SEC + t * SEC, 2000, &messages, &said);
        assert_int_equal(passed, 40000);
        assert_true(messages >= 1 && messages <= 20);
        assert_int_equal(passed + said + limit.left_out, (3600 + 1799) * 2000);
}

/* A guest that says a line in a second is never cut off. */
static void test_quiet(void **state) {
        LineLimit limit = {};
        unsigned passed = 0, messages = 0, said = 0;

        for (uint64_t t = 0; t < 4 * 3600; t++)
                passed += send(&limit, t * SEC, 1, &messages, &said);
        assert_int_equal(passed, 4 * 3600);
        assert_int_equal(said, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst),
                cmocka_unit_test(test_hour),
                cmocka_unit_test(test_quiet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
