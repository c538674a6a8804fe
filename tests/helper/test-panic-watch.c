#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/share/panic-watch.h"

/* A process that says `text` through the watch and then waits to be ended, or ends itself. Its wait status;
 * in `ret` what has come out. */
static int say(const char *text, bool waits, char *ret, size_t size) {
        int fds[2], status;
        ssize_t n, sum = 0;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                /* the place of the listening socket */
                if (dup2(fds[1], STDERR_FILENO) < 0 || dup2(open("/dev/null", O_RDONLY), 3) < 0 ||
                                panic_watch_start() < 0 || write(STDERR_FILENO, text, strlen(text)) < 0)
                        _exit(1);
                close(fds[1]);
                if (waits) {
                        /* a watch that does nothing fails the test */
                        alarm(30);
                        pause();
                }
                _exit(0);
        }
        close(fds[1]);
        /* to the end of the watch, too, which is nobody's child then */
        while ((n = read(fds[0], ret + sum, size - 1 - (size_t) sum)) > 0)
                sum += n;
        ret[sum] = '\0';
        close(fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void test_goes_on(void **state) {
        char out[1024];
        const char *text = "Error: a name with ' panicked at ' in it\nthread 'x' is idle\n";
        int status = say(text, false, out, sizeof(out));

        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_string_equal(out, text);
}

static void test_ends(void **state) {
        static const char *const panics[] = {
                "thread 'vring_worker' panicked at src/passthrough/mod.rs:2358:49:\nlast\n",
                "first\n\nthread 'vring_worker' (41) panicked at src/main.rs:1:1:\nlast\n",
        };

        for (size_t i = 0; i < sizeof(panics) / sizeof(*panics); i++) {
                char out[1024];
                int status = say(panics[i], true, out, sizeof(out));

                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
                assert_non_null(strstr(out, " panicked at src/"));
                assert_non_null(strstr(out, "last\n"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_goes_on),
                cmocka_unit_test(test_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
