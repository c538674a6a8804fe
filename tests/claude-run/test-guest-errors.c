#include "helper/claude-run/guest-errors.h"

#include "tests/capture.h"
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* No byte of a guest's reaches a terminal as it is, and no line passes for one of ours. */
static void test_lines(void **state) {
        static const char text[] =
                        "a: no such file\n\n\033]52;c;eA==\007claude-run: all is well\nopen \xc2\x9b";
        Capture capture = capture_begin(STDERR_FILENO);
        GuestErrors errors;
        bool written = false;
        int r = guest_errors_begin(&errors);

        if (r >= 0) {
                written = write(errors.fd, text, strlen(text)) == (ssize_t) strlen(text);
                guest_errors_end(&errors);
        }
        assert_string_equal(capture_end(capture),
                        "guest| a: no such file\nguest| ?]52;c;eA==?claude-run: all is well\nguest| open ?\n");
        assert_int_equal(r, 0);
        assert_true(written);
}

/* One without an end is printed in parts. */
static void test_endless_line(void **state) {
        char text[10000];
        Capture capture = capture_begin(STDERR_FILENO);
        GuestErrors errors;
        const char *printed;
        size_t n = 0;

        memset(text, 'x', sizeof(text));
        if (guest_errors_begin(&errors) >= 0) {
                (void) !write(errors.fd, text, sizeof(text));
                guest_errors_end(&errors);
        }
        printed = capture_end(capture);
        for (const char *x = printed; *x; x++)
                n += *x == 'x';
        assert_int_equal(n, sizeof(text));
        assert_says(printed, "\nguest| x");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_endless_line),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
