/* A hostile guest's tricks with the path of another VM's share. Each test is a child, because the
 * namespaces stay. */

#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/share/share-root.h"

/* above/work/mine, and what a guest would like to have: secret/key. */
static int setup(void **state) {
        if (scratch_setup(state) < 0)
                return -1;
        mkdir(scratch_path("above"), 0700);
        mkdir(scratch_path("above/work"), 0700);
        mkdir(scratch_path("secret"), 0700);
        scratch_write("above/work/mine", "x", 0600);
        scratch_write("secret/key", "x", 0600);
        return 0;
}

static int bind_in_child(bool create, void (*then)(void)) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
                int r = share_root_bind(scratch_path("above/work"), create, scratch_path("point"));

                if (r == 0)
                        then();
                _exit(-r);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

/* After the look at it: the directory gives way to a link, which is the swap that virtiofsd would follow. */
static void swap_and_look(void) {
        if (rename(scratch_path("above/work"), scratch_path("above/moved")) < 0 ||
                        symlink(scratch_path("secret"), scratch_path("above/work")) < 0)
                _exit(100);
        if (access(scratch_path("above/work/key"), F_OK) < 0)
                _exit(101);
        if (access(scratch_path("point/mine"), F_OK) < 0 || access(scratch_path("point/key"), F_OK) == 0)
                _exit(102);
}

static void test_swap_after_the_check(void **state) {
        assert_int_equal(bind_in_child(false, swap_and_look), 0);
        /* nothing of it on the host */
        assert_int_equal(access(scratch_path("point"), F_OK), 0);
        assert_int_not_equal(access(scratch_path("point/mine"), F_OK), 0);
}

static void nothing(void) {
}

static void test_link_at_the_end(void **state) {
        assert_int_equal(rename(scratch_path("above/work"), scratch_path("above/moved")), 0);
        assert_int_equal(symlink(scratch_path("secret"), scratch_path("above/work")), 0);
        assert_int_equal(bind_in_child(false, nothing), -ELOOP);
        assert_int_equal(bind_in_child(true, nothing), -ELOOP);
}

static void test_link_on_the_way(void **state) {
        assert_int_equal(rename(scratch_path("above"), scratch_path("moved")), 0);
        assert_int_equal(symlink("secret", scratch_path("above")), 0);
        assert_int_equal(bind_in_child(false, nothing), -ELOOP);
        /* and nothing is made behind it */
        assert_int_equal(bind_in_child(true, nothing), -ELOOP);
        assert_int_not_equal(access(scratch_path("secret/work"), F_OK), 0);
}

static void test_dangling_link(void **state) {
        assert_int_equal(symlink(scratch_path("secret/new"), scratch_path("link")), 0);
        assert_int_equal(share_root_open(scratch_path("link"), true), -ELOOP);
        assert_int_equal(share_root_open(scratch_path("link/below"), true), -ELOOP);
        assert_int_not_equal(access(scratch_path("secret/new"), F_OK), 0);
}

static void test_not_a_directory(void **state) {
        assert_int_equal(share_root_open(scratch_path("secret/key"), true), -ENOTDIR);
        assert_int_equal(share_root_open(scratch_path("secret/key/below"), true), -ENOTDIR);
        assert_int_equal(share_root_open(scratch_path("missing"), false), -ENOENT);
}

static void test_made_for_this_user_alone(void **state) {
        _cleanup_close_ int fd = share_root_open(scratch_path("new/home"), true);
        struct stat st;

        assert_true(fd >= 0);
        assert_int_equal(stat(scratch_path("new/home"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_int_equal(stat(scratch_path("new"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_swap_after_the_check),
                CASE(test_link_at_the_end),
                CASE(test_link_on_the_way),
                CASE(test_dangling_link),
                CASE(test_not_a_directory),
                CASE(test_made_for_this_user_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
