#include "tests/test.h"

#include "common/cleanup.h"
#include "common/service-limit.h"
#include "common/settings.h"

static void takes(const char *key, const char *const *values) {
        for (; *values; values++)
                if (service_limit_refused(key, *values))
                        fail_msg("%s=%s is refused", key, *values);
}

static void refuses(const char *key, const char *word, const char *const *values) {
        for (; *values; values++) {
                const char *why = service_limit_refused(key, *values);

                if (!why)
                        fail_msg("%s=%s is taken", key, *values);
                assert_non_null(strstr(why, word));
        }
}

#define LIST(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void test_memory(void **state) {
        static const char *const keys[] = { "MemoryMax", "MemoryHigh", "MemorySwapMax" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                takes(keys[i],
                                LIST("6G", "512M", "1.5G", "10.M", "1G512M", "1G 512M", "8 G", "1T", "15E",
                                                "1073741824", "1073741824B", "1G1", "50%", "12.5%", "0.01%",
                                                "100%", "infinity"));
                refuses(keys[i], "like 6G",
                                LIST("8GB", "8g", "8GiB", "G", "512M1G", "1G1G", "-1G", "1e9", "101%",
                                                "50 %", "%", "1.234%", "08%", "16E", "99999999999999999999",
                                                "Infinity", "1G,", "much"));
        }
        refuses("MemoryMax", "like 6G", LIST("0", "0.5", "0%"));
        refuses("MemoryHigh", "like 6G", LIST("0", "0%"));
        takes("MemorySwapMax", LIST("0", "0%"));
}

static void test_cpu(void **state) {
        takes("CPUQuota", LIST("150%", "20%", "0.5%", "12.25%", "6400%"));
        refuses("CPUQuota", "like 150%",
                        LIST("2", "0%", "1.5", "%", "infinity", "-5%", "99999999%", "150 %"));
        takes("CPUWeight", LIST("1", "20", "10000", "idle"));
        refuses("CPUWeight", "1 to 10000", LIST("0", "10001", "020", "20%", "high", "1.5"));
        takes("Nice", LIST("0", "5", "+5", "19", "-20", "-1"));
        refuses("Nice", "-20 to 19", LIST("20", "-21", "--1", "+-1", "nice", "1.0", ""));
}

static void test_tasks(void **state) {
        takes("TasksMax", LIST("512", "1", "20%", "infinity"));
        refuses("TasksMax", "a number",
                        LIST("many", "0", "-1", "101%", "512K", "1.5", "18446744073709551615"));
}

static void test_time(void **state) {
        static const char *const keys[] = { "RuntimeMaxSec", "TimeoutStartSec", "TimeoutStopSec" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                takes(keys[i],
                                LIST("90", "0", "90s", "30min", "2h", "1h 30min", "1h30min", "1h 30", "1 30",
                                                "1.5h", "5 hours", "2days", "1M", "1y", "100ms", "5us", "1w",
                                                "infinity"));
                refuses(keys[i], "like 90s",
                                LIST("soon", "2H", "5 sekunden", "-5", "1,5h", "12.34.56", "s", "5sx",
                                                "5minutesmin", "infinitys", "999999y999999y", "1h-", ""));
        }
}

/* The table has each key of the settings. */
static void test_keys(void **state) {
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (settings[i].type == TYPE_DIRECTIVE)
                        assert_string_not_equal(service_limit_refused(settings[i].key, "x"), "is not known");
        assert_non_null(service_limit_refused("Bogus", "1"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_cpu),
                cmocka_unit_test(test_tasks),
                cmocka_unit_test(test_time),
                cmocka_unit_test(test_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
