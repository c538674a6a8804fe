#include "test.h"

#include "session.h"
#include "strv.h"

static void quote(const char *word, const char *expected) {
        char *quoted = session_quote(word);

        assert_string_equal(quoted, expected);
        free(quoted);
}

static void test_quote(void **state) {
        quote("", "''");
        quote("a b", "'a b'");
        quote("it's", "'it'\\''s'");
        quote("$HOME `x` \\ \" *", "'$HOME `x` \\ \" *'");
        quote("a\nb\xff", "'a\nb\xff'");
}

static void test_argv(void **state) {
        Session s = {
                .ssh = "/usr/bin/ssh",
                .runtime_dir = "/run/user/1000",
                .id = "p",
                .program = "/p",
                .words = (char *[]) { (char *) "a b", (char *) "-x", NULL },
        };
        static const char *const expected[] = { "/usr/bin/ssh", "-F",
                "/run/user/1000/claude-vm/p/ssh.config", "-T", "claude-vm", "/p", "'a b'", "'-x'" };
        char **argv;

        assert_int_equal(session_argv(&s, &argv), 0);
        assert_int_equal(strv_length(argv), 8);
        for (size_t i = 0; i < 8; i++)
                assert_string_equal(argv[i], expected[i]);
        strv_free(argv);
        s.user = "root";
        s.terminal = true;
        assert_int_equal(session_argv(&s, &argv), 0);
        assert_string_equal(argv[3], "-t");
        assert_string_equal(argv[5], "ControlPath=none");
        assert_string_equal(argv[6], "-l");
        assert_string_equal(argv[7], "root");
        strv_free(argv);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quote),
                cmocka_unit_test(test_argv),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
