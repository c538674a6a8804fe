#include "tests/test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/vm/user-settings.h"

static void zone(const char *target, const char *expected) {
        char *got = NULL;
        int r;

        (void) unlink("localtime");
        assert_int_equal(symlink(target, "localtime"), 0);
        r = user_settings_time_zone("localtime", &got);
        assert_int_equal(r, expected ? 0 : -ENODATA);
        if (expected)
                assert_string_equal(got, expected);
        free(got);
}

static void test_time_zone(void **state) {
        zone("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin");
        zone("../usr/share/zoneinfo/UTC", "UTC");
        zone("/etc/zoneinfo/America/Argentina/Ushuaia", "America/Argentina/Ushuaia");
        zone("/usr/share/elsewhere", NULL);
        zone("/usr/share/zoneinfo/../../../etc/shadow", NULL);
        zone("/usr/share/zoneinfo/a\nb", NULL);
        (void) unlink("localtime");
        assert_int_equal(user_settings_time_zone("localtime", &(char *) { NULL }), -ENODATA);
}

/* A git that prints `list`. */
static int git(const char *list, char **ret) {
        FILE *f = fopen("git", "w");
        int r;

        assert_non_null(f);
        fprintf(f, "#!/bin/sh\ncat <<'END'\n%s\nEND\n", list);
        fclose(f);
        assert_int_equal(chmod("git", 0755), 0);
        r = user_settings_git("./git", ret);
        (void) unlink("git");
        return r;
}

static void test_git(void **state) {
        char *got = NULL;

        assert_int_equal(git("user.name A \"B\" \\C\nuser.email a@b", &got), 0);
        assert_string_equal(got, "[user]\n\tname = \"A \\\"B\\\" \\\\C\"\n\temail = \"a@b\"\n");
        free(got);
        /* a value of more lines, or with an escape sequence, adds nothing to the file */
        assert_int_equal(git("user.name x\n[core]\n\tpager = evil\nuser.email \033[m", &got), 0);
        assert_string_equal(got, "[user]\n\tname = \"x\"\n");
        free(got);
        assert_int_equal(user_settings_git("/does/not/exist", &got), -ENODATA);
        assert_int_equal(user_settings_git("/bin/false", &got), -ENODATA);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time_zone),
                cmocka_unit_test(test_git),
        };
        char directory[] = "/tmp/test-user-settings.XXXXXX";
        int r;

        if (!mkdtemp(directory) || chdir(directory) < 0)
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        (void) unlink("localtime");
        return rmdir(directory) < 0 ? 1 : r;
}
