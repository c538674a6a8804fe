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
                { "virtiofsd backend 1.7.0\n", 1, 7 },
                { "OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.1", 10, 0 },
                { "QEMU emulator version 9.2.50 (v9.2.0-1234-gabc)", 9, 2 },
                { "9.2", 9, 2 },
                { "0.0", 0, 0 },
        };
        unsigned major, minor;

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                assert_true(program_version_parse(good[i].text, &major, &minor));
                assert_int_equal(major, good[i].major);
                assert_int_equal(minor, good[i].minor);
        }
}

/* Then doctor says that the program does not tell its version, and does not compare anything. */
static void test_no_version(void **state) {
        static const char *const bad[] = { "", "no version", "12", "12\n13.1", "12.", "12.x", "v.1.",
                "systemd 257 (257.13-1)", "99999.1" };
        unsigned major, minor;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (program_version_parse(bad[i], &major, &minor))
                        fail_msg("'%s' is taken for %u.%u", bad[i], major, minor);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_version),
                cmocka_unit_test(test_no_version),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
