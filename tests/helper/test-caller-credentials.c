#include "tests/test.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/request/caller-credentials.h"

static char directory[] = "/tmp/test-caller-credentials.XXXXXX";

static int setup(void **state) {
        setenv("SET", "sk-secret", 1);
        setenv("EMPTY", "", 1);
        unsetenv("UNSET");
        return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state) {
        char command[64];

        snprintf(command, sizeof(command), "rm -r '%s'", directory);
        return system(command);
}

static bool exists(const char *id, const char *name) {
        _cleanup_free_ char *path = caller_credentials_path(directory, id, name);
        struct stat st;

        if (stat(path, &st) < 0)
                return false;
        assert_int_equal(st.st_mode & 0777, name[0] ? 0600 : 0700);
        return true;
}

static void test_hand_over(void **state) {
        int fd = caller_credentials_hand_over(directory, "web", "SET EMPTY UNSET");

        assert_true(fd >= 0);
        assert_true(exists("web", "SET"));
        assert_false(exists("web", "EMPTY"));
        assert_false(exists("web", "UNSET"));
        /* not while somebody is about to start the VM */
        caller_credentials_sweep(directory);
        assert_true(exists("web", "SET"));
        close(fd);
        /* its claude-run was killed */
        caller_credentials_sweep(directory);
        assert_false(exists("web", ""));
}

/* A project's name may have dots; what is no name of a VM is left alone. */
static void test_sweep_names(void **state) {
        _cleanup_free_ char *other = caller_credentials_path(directory, "-x", "");
        int fd = caller_credentials_hand_over(directory, "web.old", "SET");

        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(mkdir(other, 0700), 0);
        caller_credentials_sweep(directory);
        assert_false(exists("web.old", ""));
        assert_true(exists("-x", ""));
}

/* What a killed claude-run has left does not hinder the next. */
static void test_again(void **state) {
        for (int i = 0; i < 2; i++) {
                int fd = caller_credentials_hand_over(directory, "web", "SET");

                assert_true(fd >= 0);
                close(fd);
        }
        caller_credentials_remove(directory, "web");
        assert_false(exists("web", ""));
        caller_credentials_remove(directory, "web");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hand_over),
                cmocka_unit_test(test_sweep_names),
                cmocka_unit_test(test_again),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
