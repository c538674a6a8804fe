#include "tests/test.h"

#include <errno.h>

#include "common/disk-name.h"

static void made(const char *project, const char *tag, const char *expected) {
        char file[DISK_NAME_MAX], again[DISK_NAME_MAX], again_tag[DISK_NAME_MAX];

        assert_int_equal(disk_name_make(project, tag, file), 0);
        assert_string_equal(file, expected);
        assert_int_equal(disk_name_parse(file, again, again_tag), 0);
        assert_string_equal(again, project);
        assert_string_equal(again_tag, tag ?: "");
}

static void test_made(void **state) {
        made("web", NULL, "web.raw");
        made("web", "before", "web@before.raw");
        made("a.raw", NULL, "a.raw.raw");
}

/* No word of a command line leads out of the directory, or to a file of another kind. */
static void test_refused(void **state) {
        static const char *const bad[] = { "", ".", "..", "../web", "a/b", "/etc/passwd", "a@b", "-a", "a b",
                ".hidden", "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
        char file[DISK_NAME_MAX], tag[DISK_NAME_MAX];

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_int_equal(disk_name_make(bad[i], NULL, file), -EINVAL);
                assert_int_equal(disk_name_make("web", bad[i], file), -EINVAL);
                assert_int_equal(disk_name_parse(bad[i], file, tag), -EINVAL);
        }
        assert_int_equal(disk_name_parse(".raw", file, tag), -EINVAL);
        assert_int_equal(disk_name_parse("web@.raw", file, tag), -EINVAL);
        assert_int_equal(disk_name_parse("web@a@b.raw", file, tag), -EINVAL);
        assert_int_equal(disk_name_parse("web.raw.new", file, tag), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_made),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
