#include "tests/test.h"

#include <errno.h>

#include "common/port-forward.h"

static void good(const char *text, const char *expected) {
        char printed[PORT_FORWARD_TEXT_MAX];
        PortForward f, again;

        assert_int_equal(port_forward_parse(text, &f), 0);
        port_forward_print(&f, printed);
        assert_string_equal(printed, expected);
        assert_int_equal(port_forward_parse(printed, &again), 0);
        assert_true(port_forward_same_host_port(&f, &again));
        assert_int_equal(f.guest_port, again.guest_port);
}

static void test_good(void **state) {
        good("8080:80", "127.0.0.1:8080:80");
        good("3000", "127.0.0.1:3000:3000");
        good("0.0.0.0:1:65535", "0.0.0.0:1:65535");
        good("[::1]:8080:80", "[::1]:8080:80");
}

static void test_bad(void **state) {
        static const char *const bad[] = { "", ":", "0", "65536", "80:", ":80", "80:0", "80:65536", "1:2:3",
                "-1:80", " 80:80", "80:80 ", "localhost:80:80", "127.0.0.1:80", "256.0.0.1:80:80",
                "::1:80:80", "[::1]80:80", "[::1:80:80", "[127.0.0.1]:80:80", "80:80:", "[::1]:80:80,x",
                "99999999999999999999:80" };
        PortForward f;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (port_forward_parse(bad[i], &f) != -EINVAL)
                        fail_msg("'%s' was taken", bad[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
