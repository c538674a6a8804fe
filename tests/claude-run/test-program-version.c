#include "tests/test.h"

#include "helper/claude-run/program-version.h"

static void test_version(void **state) {
        static const struct {
                const char *text;
                unsigned major, minor;
        } good[] = {
                { "QEMU emulator version 10.0.7 (Debian 1:10.0.7+ds-0+deb13u1)\nCopyright (c) 2003-2024", 10,
                                0 },
                { "virtiofsd 1.13.2\n", 1, 13 },
                { "9.2", 9, 2 },
        };
        unsigned major, minor;

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                assert_true(program_version_parse(good[i].text, &major, &minor));
                assert_int_equal(major, good[i].major);
                assert_int_equal(minor, good[i].minor);
        }
        assert_false(program_version_parse("", &major, &minor));
        assert_false(program_version_parse("no version", &major, &minor));
        assert_false(program_version_parse("12", &major, &minor));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_version),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
