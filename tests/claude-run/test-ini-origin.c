#include "tests/test.h"

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/ini-origin.h"
#include "tests/capture.h"

static const char *say(const IniOrigin *o, const char *messages) {
        _cleanup_free_ char *text = strdup(messages);
        Capture c = capture_begin(STDERR_FILENO);

        ini_origin_say(o, text);
        return capture_end(c);
}

static void test_say(void **state) {
        char *lines[] = { (char *) INI_ORIGIN_FILE, (char *) INI_ORIGIN_CALL, (char *) "cpus", NULL };
        IniOrigin o = { "/run/x.ini", "/etc/p.ini", lines };

        assert_string_equal(say(&o, "/run/x.ini:1: a: b\n"), "/etc/p.ini:1: a: b\n");
        assert_string_equal(say(&o, "/run/x.ini:2: a\n"), "claude-run: a\n");
        assert_string_equal(say(&o, "/run/x.ini:3: CPUs=0: no\n"), "claude-run: --cpus: CPUs=0: no\n");
        /* what follows, such as a secret's name */
        assert_string_equal(say(&o, "/run/x.ini:4: a\n"), "claude-run: a\n");
        assert_string_equal(say(&o, "/run/x.ini: a\n"), "/etc/p.ini: a\n");
        /* of another file, or one whose name begins so */
        assert_string_equal(say(&o, "/etc/defaults.ini:1: a\n\n/run/x.ini2:1: b"),
                        "/etc/defaults.ini:1: a\n/run/x.ini2:1: b\n");
        o.as = NULL;
        assert_string_equal(say(&o, "/run/x.ini: a\n/run/x.ini:99999999999999999999: b\n"),
                        "claude-run: a\nclaude-run: b\n");
        o = (IniOrigin) { "/run/x.ini", "/etc/p.ini", NULL };
        assert_string_equal(say(&o, "/run/x.ini:7: a\n"), "/etc/p.ini:7: a\n");
}

static void test_print(void **state) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        ini_origin_print(f, &lines, "memory", "[VM]\nMemory=1G\n");
        ini_origin_print(f, &lines, "cpus", "CPUs=1\n");
        fclose(f);
        assert_string_equal(text, "[VM]\nMemory=1G\nCPUs=1\n");
        assert_int_equal(strv_length(lines), 3);
        assert_string_equal(lines[1], "memory");
        assert_string_equal(lines[2], "cpus");
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_say), cmocka_unit_test(test_print) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
