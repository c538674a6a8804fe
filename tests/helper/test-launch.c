#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/foreground-mode.h"
#include "helper/foreground/launch.h"
#include "tests/scratch.h"

/* What a program has open, a line each. */
#define LIST "for fd in /proc/$$/fd/*; do echo \"${fd##*/} $(readlink $fd)\"; done"

static void list(int listener_fd, char *ret, size_t size) {
        char *environment[] = { (char *) "PATH=/usr/bin:/bin", NULL };
        int log[2], status;
        ssize_t n;
        size_t got = 0;
        pid_t pid;

        assert_int_equal(pipe2(log, O_CLOEXEC), 0);
        pid = launch(&(Launch) {
                        .helper = "/bin/sh",
                        .verb = "-c",
                        .argument = LIST,
                        .environment = environment,
                        .log_fd = log[1],
                        .files = 1024,
                        .listener_fd = listener_fd,
        });
        unsetenv(FOREGROUND_VARIABLE);
        assert_true(pid > 0);
        close(log[1]);
        while (got < size - 1 && (n = read(log[0], ret + got, size - 1 - got)) > 0)
                got += (size_t) n;
        ret[got] = '\0';
        close(log[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_no_descriptor_of_the_caller(void **state) {
        char text[4096];
        int fd, listener;

        scratch_write("secret", "x", 0600);
        fd = open(scratch_path("secret"), O_RDONLY); /* without O_CLOEXEC */
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_DUPFD, 50) >= 50);
        list(-1, text, sizeof(text));
        assert_non_null(strstr(text, "0 /dev/null\n"));
        assert_null(strstr(text, "secret"));

        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(listener > 3);
        list(listener, text, sizeof(text));
        assert_non_null(strstr(text, "\n3 socket:"));
        assert_null(strstr(text, "secret"));
        /* where it is already */
        assert_int_equal(dup3(listener, 3, O_CLOEXEC), 3);
        list(3, text, sizeof(text));
        assert_non_null(strstr(text, "\n3 socket:"));
        assert_null(strstr(text, "secret"));
}

/* The keeper has ended between the fork and the bind. */
static void test_bind_to_one_that_has_ended(void **state) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                setenv(FOREGROUND_VARIABLE, "1", 1);
                foreground_set_parent(getppid());
                foreground_bind();
                foreground_set_parent(getpid());
                foreground_bind();
                _exit(EXIT_SUCCESS);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bind_to_one_that_has_ended),
                cmocka_unit_test_setup_teardown(
                                test_no_descriptor_of_the_caller, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
