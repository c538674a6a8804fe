#include "tests/test.h"

#include <time.h>

#include "common/usec.h"
#include "helper/claude-run/local-time.h"

static void expect(uint64_t seconds, LocalTime form, const char *text) {
        char got[LOCAL_TIME_MAX];

        local_time_print(seconds * SEC + SEC / 2, form, got);
        assert_string_equal(got, text);
}

static void test_forms(void **state) {
        expect(1795781703, LOCAL_DAY, "2026-11-27");
        expect(1795781703, LOCAL_MINUTE, "2026-11-27 13:15");
        expect(1795781703, LOCAL_CLOCK, "13:15:03");
        expect(253402300800, LOCAL_DAY, "-");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
        };

        /* an hour ahead of UTC, without the files of time zones */
        setenv("TZ", "XYZ-1", 1);
        tzset();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
