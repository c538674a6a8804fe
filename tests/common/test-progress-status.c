#include "tests/test.h"

#include <errno.h>
#include <inttypes.h>

#include "common/progress-status.h"

#define MIB (UINT64_C(1) << 20)

static void print(uint64_t done, uint64_t total, const char *expected) {
        char text[PROGRESS_STATUS_MAX];
        ProgressStatus status;

        progress_status_print("Saves it", done, total, text);
        assert_string_equal(text, expected);
        /* what is printed is read */
        assert_int_equal(progress_status_parse(text, &status), 0);
        assert_int_equal(status.what_size, strlen("Saves it"));
        assert_int_equal(status.percent, progress_percent(done, total));
        assert_non_null(strstr(text, status.amount));
}

static void test_print(void **state) {
        print(0, 0, "Saves it: 100 % (0.0 of 0.0 KiB)");
        print(0, 1, "Saves it: 0 % (0.0 of 0.0 KiB)");
        print(512, 2048, "Saves it: 25 % (0.5 of 2.0 KiB)");
        print(512 * MIB, 1229 * MIB, "Saves it: 41 % (0.5 of 1.2 GiB)");
        print(999 * MIB, 999 * MIB, "Saves it: 100 % (999.0 of 999.0 MiB)");
        print(1229 * MIB - 1, 1229 * MIB, "Saves it: 99 % (1.2 of 1.2 GiB)");
        print(2 * MIB, MIB, "Saves it: 100 % (1.0 of 1.0 MiB)");
        print(UINT64_MAX / 2, UINT64_MAX, "Saves it: 49 % (8388608.0 of 16777216.0 TiB)");
        print(UINT64_MAX, UINT64_MAX, "Saves it: 100 % (16777216.0 of 16777216.0 TiB)");
}

static void test_long(void **state) {
        char what[PROGRESS_WHAT_MAX + 50] = {}, text[PROGRESS_STATUS_MAX];
        ProgressStatus status;

        memset(what, 'w', sizeof(what) - 1);
        progress_status_print(what, UINT64_MAX, UINT64_MAX, text);
        assert_int_equal(progress_status_parse(text, &status), 0);
        assert_int_equal(status.what_size, PROGRESS_WHAT_MAX);
}

static void test_refused(void **state) {
        static const char *const texts[] = {
                "",
                "Suspended",
                ": 43 % (0.5 of 1.2 GiB)",
                "a: 43 % (0.5 of 1.2 GiB",
                "a: 43 % (0.5 of 1.2 GiB) ",
                "a: 43 % (0.5 of 1.2 GiB)\n",
                "a: 43 % (0.5 of 1.2 GiB))",
                "a: 101 % (0.5 of 1.2 GiB)",
                "a: -1 % (0.5 of 1.2 GiB)",
                "a: +1 % (0.5 of 1.2 GiB)",
                "a: 043 % (0.5 of 1.2 GiB)",
                "a: 4294967339 % (0.5 of 1.2 GiB)",
                "a: 43% (0.5 of 1.2 GiB)",
                "a: 43.0 % (0.5 of 1.2 GiB)",
                "a:  43 % (0.5 of 1.2 GiB)",
                "a: 43 % (0,5 of 1.2 GiB)",
                "a: 43 % (.5 of 1.2 GiB)",
                "a: 43 % (0.55 of 1.2 GiB)",
                "a: 43 % (5 of 12 GiB)",
                "a: 43 % (nan of inf GiB)",
                "a: 43 % (0.5 of 1.2 GB)",
                "a: 43 % (0.5 of 1.2 PiB)",
                "a: 43 % (0.5 of 1.2 GiB\033[2J)",
                "a: 43 % (111111111.5 of 1.2 GiB)",
                "a: b: 43 % (0.5 of 1.2 GiB)",
                "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww: 43 % (0.5 of 1.2 GiB)",
        };
        ProgressStatus status = { .percent = 7 };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (progress_status_parse(texts[i], &status) != -EINVAL || status.percent != 7)
                        fail_msg("'%s' is read", texts[i]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
