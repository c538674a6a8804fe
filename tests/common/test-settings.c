#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/settings.h"

#define ROW(name) (&settings[SETTING_##name])

static void parsed(const Setting *s, const char *text, const char *expected) {
        char value[SETTING_VALUE_MAX] = "", why[SETTING_WHY_MAX] = "";

        assert_int_equal(setting_parse(s, text, value, why), 0);
        assert_string_equal(value, expected);
        assert_int_equal(setting_check(s, value, why), 0);
}

/* Refused with this reason; `value` stays as it was. */
static void refused(const Setting *s, const char *text, const char *reason) {
        char value[SETTING_VALUE_MAX] = "before", why[SETTING_WHY_MAX] = "";

        assert_int_equal(setting_parse(s, text, value, why), -EINVAL);
        assert_string_equal(why, reason);
        assert_string_equal(value, "before");
}

static void spoiled(const Setting *s, const char *value, const char *reason) {
        char why[SETTING_WHY_MAX] = "";

        assert_int_equal(setting_check(s, value, why), -EINVAL);
        assert_string_equal(why, reason);
}

static void test_memory(void **state) {
        static const char *const unclear[][2] = { { "", "4G" }, { "8", "8G" }, { "8GB", "8G" },
                { "8g", "8G" }, { "512m", "512M" }, { "G", "4G" }, { "-1G", "4G" }, { " 1G", "4G" },
                { "99999999999999999999G", "99999999999999999999G" } };
        char reason[SETTING_WHY_MAX];

        parsed(ROW(MEMORY_MIB), "4G", "4096");
        parsed(ROW(MEMORY_MIB), "128M", "128");
        parsed(ROW(MEMORY_MIB), "131072K", "128");
        parsed(ROW(MEMORY_MIB), "1T", "1048576");
        refused(ROW(MEMORY_MIB), "127M", "must be between 128M and 1T");
        refused(ROW(MEMORY_MIB), "1025G", "must be between 128M and 1T");
        refused(ROW(MEMORY_MIB), "18446744073709551615T", "must be between 128M and 1T");
        for (size_t i = 0; i < ELEMENTSOF(unclear); i++) {
                snprintf(reason, sizeof(reason), "must be a number with K, M, G or T, like %s",
                                unclear[i][1]);
                refused(ROW(MEMORY_MIB), unclear[i][0], reason);
        }
        /* the same bounds in a drop-in */
        spoiled(ROW(MEMORY_MIB), "127", "must be between 128M and 1T");
        spoiled(ROW(MEMORY_MIB), "1048577", "must be between 128M and 1T");
        spoiled(ROW(MEMORY_MIB), "2G", "must be a number of MiB");
        spoiled(ROW(MEMORY_MIB), "", "must be a number of MiB");
}

static void test_number(void **state) {
        static const char *const bad[] = { "", "0", "256", "-1", "+1", " 1", "1 ", "0x2", "4294967297",
                "99999999999999999999" };

        parsed(ROW(CPUS), "1", "1");
        parsed(ROW(CPUS), "255", "255");
        parsed(ROW(CPUS), "007", "7");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                refused(ROW(CPUS), bad[i], "must be a number from 1 to 255");
                spoiled(ROW(CPUS), bad[i], "must be a number from 1 to 255");
        }
}

static void test_words(void **state) {
        static const char *const bad[] = { "", " ", "aut", "autos", "auto kvm", "auto ", "Auto" };

        parsed(ROW(ACCELERATOR), "auto", "auto");
        parsed(ROW(ACCELERATOR), "tcg", "tcg");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                refused(ROW(ACCELERATOR), bad[i], "must be one of: auto kvm tcg");
                spoiled(ROW(ACCELERATOR), bad[i], "must be one of: auto kvm tcg");
        }
        refused(ROW(AGENT), "emacs", "must be one of: claude gemini codex");
}

static void test_booleans(void **state) {
        static const char *const words[][2] = { { "no", "no" }, { "false", "no" }, { "off", "no" },
                { "0", "no" }, { "yes", "yes" }, { "true", "yes" }, { "on", "yes" }, { "1", "yes" } };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                parsed(ROW(READ_ONLY), words[i][0], words[i][1]);
                parsed(ROW(DEV_SHELL), words[i][0], words[i][1]);
        }
        parsed(ROW(DEV_SHELL), "devenv", "devenv");
        refused(ROW(READ_ONLY), "devenv", "must be yes or no");
        refused(ROW(READ_ONLY), "", "must be yes or no");
        refused(ROW(DEV_SHELL), "maybe", "must be one of: no yes devenv");
        /* other spellings are the ini's */
        spoiled(ROW(READ_ONLY), "on", "must be yes or no");
        spoiled(ROW(DEV_SHELL), "1", "must be one of: no yes devenv");
}

static void test_paths(void **state) {
        char why[SETTING_WHY_MAX];

        assert_int_equal(setting_check(ROW(GUEST), "debian", why), 0);
        assert_int_equal(setting_check(ROW(GUEST), "/opt/guest", why), 0);
        spoiled(ROW(GUEST), "../x", "must be a name or an absolute directory");
        spoiled(ROW(WORK_DIRECTORY), "x", "must be an absolute directory");
}

static void test_idle(void **state) {
        static const char *const good[][2] = { { "no", "0" }, { "off", "0" }, { "suspend:10s", "10" },
                { "suspend:30min", "1800" }, { "suspend:5m", "300" }, { "suspend:2h", "7200" },
                { "suspend:30d", "2592000" } };
        static const char *const bad[] = { "", "yes", "suspend", "suspend:", "suspend:0s", "suspend:9s",
                "suspend:31d", "suspend:30", "suspend:-1s", "suspend:30 min", "stop:30min", "30min",
                "suspend:99999999999999999999s" };
        const Setting *s = &settings[SETTING_IDLE];
        char value[SETTING_VALUE_MAX], why[SETTING_WHY_MAX];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(setting_parse(s, good[i][0], value, why), 0);
                assert_string_equal(value, good[i][1]);
                assert_int_equal(setting_check(s, value, why), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(setting_parse(s, bad[i], value, why), -EINVAL);
        assert_int_equal(setting_check(s, "9", why), -EINVAL);
        assert_int_equal(setting_check(s, "suspend:30min", why), -EINVAL);
}

#define DIRECTORIES "must be directories below the work directory, like: node_modules web/target"

static void test_disk(void **state) {
        parsed(ROW(DISK), "20G", "20480");
        parsed(ROW(DISK), "no", "0");
        parsed(ROW(DISK), "off", "0");
        refused(ROW(DISK), "yes", "must be a number with K, M, G or T, like 4G, or no");
        refused(ROW(DISK), "1M", "must be between 1G and 64T, or no");
        spoiled(ROW(DISK), "20G", "must be a number of MiB");
        spoiled(ROW(DISK), "1", "must be between 1G and 64T");
        spoiled(ROW(PRIVATE), "../x", DIRECTORIES);
        spoiled(ROW(PRIVATE), "a /b", DIRECTORIES);
        spoiled(ROW(PRIVATE), "", "must be directories below the work directory");
        spoiled(ROW(SETUP), "/bin/sh", "must be a script below the work directory, like: scripts/setup");
        spoiled(ROW(SETUP), "a/../../b", "must be a script below the work directory, like: scripts/setup");
        spoiled(ROW(GUEST_HASH), "0123",
                        "must be sha256: and 64 digits in lower case, as claude-vm-mkguest --verify says");
        spoiled(ROW(GUEST_HASH), "sha256:0123",
                        "must be sha256: and 64 digits in lower case, as claude-vm-mkguest --verify says");
        assert_int_equal(
                        setting_check(ROW(GUEST_HASH),
                                        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                        (char[SETTING_WHY_MAX]) {}),
                        0);
        assert_true(setting_is_for_all(ROW(GUEST_HASH)));
        assert_true(setting_is_for_all(ROW(DISK)));
        assert_true(setting_is_project_only(ROW(DISK)));
}

static void test_access(void **state) {
        char *values[N_SETTINGS] = { [SETTING_CPUS] = (char *) "2", [SETTING_NETWORK] = (char *) "none" };

        assert_int_equal(setting_number(values, SETTING_CPUS), 2);
        assert_int_equal(setting_number(values, SETTING_MEMORY_MIB), 4096);
        assert_true(setting_is(values, SETTING_NETWORK, "none"));
        assert_true(setting_is(values, SETTING_MACHINE, "auto"));
        assert_string_equal(setting_value(values, SETTING_AGENT), "claude");
        assert_null(setting_value(values, SETTING_HOME));
        assert_false(setting_is(values, SETTING_HOME, ""));
}

/* A row that contradicts itself would be found by the user. */
static void test_rows(void **state) {
        for (size_t i = 0; i < N_SETTINGS; i++) {
                const Setting *s = &settings[i];
                bool scalar = s->type <= TYPE_DISK;

                assert_int_equal(setting_find(s->section, s->key), i);
                assert_true(scalar == !!s->range);
                if (scalar) {
                        char value[SETTING_VALUE_MAX], why[SETTING_WHY_MAX];

                        assert_non_null(s->fallback);
                        assert_int_equal(setting_parse(s, s->fallback, value, why), 0);
                }
                for (const char *word = s->range ?: ""; (setting_next_word(&word)) > 0;
                                word += strcspn(word, " "))
                        assert_true(strcspn(word, " ") < SETTING_VALUE_MAX);
                if (!s->option)
                        assert_true(!s->letter && !s->value_name && !s->help);
                else
                        assert_true(s->help || s->type == TYPE_WORD ||
                                        (s->type == TYPE_BOOLEAN && s->value_name));
        }
        assert_int_equal(setting_find("VM", "Bogus"), N_SETTINGS);
        assert_int_equal(setting_find("Project", "CPUs"), N_SETTINGS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_number),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_booleans),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_idle),
                cmocka_unit_test(test_disk),
                cmocka_unit_test(test_access),
                cmocka_unit_test(test_rows),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
