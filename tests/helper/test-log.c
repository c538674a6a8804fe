#include "tests/test.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/journal-stream.h"
#include "common/unix-socket.h"
#include "helper/log.h"
#include "tests/scratch.h"

static void assert_told(int fd, const char *words) {
        char text[256];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, words);
}

/* As in a root of the process's own. */
static void test_systemd_without_a_name(void **state) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(log_hold_notify(), 0); /* nothing to hold */
        assert_int_equal(setenv("NOTIFY_SOCKET", scratch_path("notify"), 1), 0);
        assert_true(log_hold_notify() < 0);
        assert_int_equal(unix_bind(fd, scratch_path("notify")), 0);
        log_notify("READY=1");
        assert_told(fd, "READY=1");
        assert_int_equal(log_hold_notify(), 0);
        assert_int_equal(unlink(scratch_path("notify")), 0);
        log_notify("READY=1");
        assert_told(fd, "READY=1");
        log_status(LOG_DEBUG, "one%s", "\nREADY=1");
        assert_told(fd, "STATUS=one?READY=1");
        close(fd);
}

/* $JOURNAL_STREAM counts for the descriptor that it names, and for no other. */
static void test_stream(void **state) {
        char text[64], longer[65];
        struct stat st;
        int fds[2], other[2];

        assert_int_equal(pipe(fds), 0);
        assert_int_equal(pipe(other), 0);
        assert_int_equal(fstat(fds[1], &st), 0);
        snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t) st.st_dev, (uintmax_t) st.st_ino);
        snprintf(longer, sizeof(longer), "%s0", text);

        assert_true(journal_stream_is(fds[1], text));
        assert_false(journal_stream_is(other[1], text));
        assert_false(journal_stream_is(fds[1], longer));
        assert_false(journal_stream_is(fds[1], NULL));
        assert_false(journal_stream_is(fds[1], ""));
        assert_false(journal_stream_is(fds[1], "8:"));
        assert_false(journal_stream_is(-1, text));
        for (int i = 0; i < 2; i++) {
                close(fds[i]);
                close(other[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                test_systemd_without_a_name, scratch_setup, scratch_teardown),
                cmocka_unit_test(test_stream),
        };

        unsetenv("NOTIFY_SOCKET");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
