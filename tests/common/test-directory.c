#include "tests/test.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "common/directory.h"
#include "common/strv.h"
#include "tests/scratch.h"

static void test_make(void **state) {
        struct stat st;

        assert_int_equal(directory_make(scratch_path("a/b/c")), 0);
        assert_int_equal(directory_make(scratch_path("a/b/c")), 0);
        assert_int_equal(stat(scratch_path("a/b"), &st), 0);
        assert_true(S_ISDIR(st.st_mode));
        /* for this user alone, whatever the umask says */
        assert_int_equal(st.st_mode & 0777, 0700);
        assert_int_equal(directory_make_parents(scratch_path("d/e/file")), 0);
        assert_true(scratch_has("d/e"));
        assert_false(scratch_has("d/e/file"));
        scratch_write("file", "", 0600);
        assert_int_equal(directory_make(scratch_path("file/below")), -ENOTDIR);
}

static void test_list(void **state) {
        _cleanup_strv_free_ char **names = NULL, **none = NULL;

        scratch_mkdir("dir");
        scratch_write("dir/.hidden", "", 0600);
        scratch_write("dir/shown", "", 0600);
        assert_int_equal(directory_list(scratch_path("dir"), &names), 0);
        assert_int_equal(strv_length(names), 1);
        assert_string_equal(names[0], "shown");
        assert_int_equal(directory_list(scratch_path("missing"), &none), 0);
        assert_null(none);
        assert_int_equal(directory_list(scratch_path("dir/shown"), &none), -ENOTDIR);
}

/* Files and links go; what a link leads to stays, and so does a directory that has another one in it. */
static void test_remove(void **state) {
        scratch_write("target", "kept", 0600);
        scratch_mkdir("dir");
        scratch_write("dir/.hidden", "", 0600);
        scratch_link("../target", "dir/link");
        directory_remove(scratch_path("dir"));
        assert_false(scratch_has("dir"));
        assert_file("target", "kept");

        scratch_mkdir("outer");
        scratch_mkdir("outer/inner");
        scratch_write("outer/inner/file", "kept", 0600);
        directory_remove(scratch_path("outer"));
        assert_file("outer/inner/file", "kept");
        directory_remove(scratch_path("missing"));
}

static void test_remove_tree(void **state) {
        scratch_mkdir("kept");
        scratch_write("kept/file", "kept", 0600);
        scratch_mkdir("tree");
        scratch_mkdir("tree/one.d");
        scratch_write("tree/one.d/conf", "x", 0600);
        scratch_write("tree/unit", "x", 0600);
        scratch_link("../kept", "tree/link");
        assert_int_equal(directory_remove_tree(scratch_path("tree"), 1), 0);
        assert_false(scratch_has("tree"));
        assert_file("kept/file", "kept");
        /* what is gone is gone, and what is deeper than a generator's is not ours */
        assert_int_equal(directory_remove_tree(scratch_path("tree"), 1), 0);
        assert_int_equal(directory_make(scratch_path("deep/a/b")), 0);
        assert_true(directory_remove_tree(scratch_path("deep"), 1) < 0);
        assert_true(scratch_has("deep/a/b"));
}

static int same(void) {
        return directory_is_same(scratch_path("a"), scratch_path("b"));
}

static void test_is_same(void **state) {
        for (const char *const *dir = (const char *const[]) { "a", "b", NULL }; *dir; dir++) {
                char name[64];

                scratch_mkdir(*dir);
                snprintf(name, sizeof(name), "%s/unit.d", *dir);
                scratch_mkdir(name);
                snprintf(name, sizeof(name), "%s/unit.d/conf", *dir);
                scratch_write(name, "[Service]\n", 0600);
        }
        assert_int_equal(same(), 1);
        /* the same size, another text, one directory down */
        scratch_write("b/unit.d/conf", "[Servicf]\n", 0600);
        assert_int_equal(same(), 0);
        scratch_write("b/unit.d/conf", "[Service]\n", 0600);
        assert_int_equal(same(), 1);
        /* more on one side, on either side */
        scratch_write("b/more", "", 0600);
        assert_int_equal(same(), 0);
        assert_int_equal(directory_is_same(scratch_path("b"), scratch_path("a")), 0);
        /* as many, with another name */
        scratch_write("a/other", "", 0600);
        assert_int_equal(same(), 0);
        /* a directory that is not there has no files */
        assert_int_equal(directory_is_same(scratch_path("a"), scratch_path("none")), 0);
}

/* A lock of what has the name, and not of what had it. */
static void test_lock(void **state) {
        int fd, status;
        pid_t pid;

        scratch_mkdir("d");
        fd = directory_lock(scratch_path("d"), LOCK_EX);
        assert_true(fd >= 0);
        assert_int_equal(directory_lock(scratch_path("d"), LOCK_EX | LOCK_NB), -EAGAIN);
        scratch_link("d", "link");
        assert_true(directory_lock(scratch_path("link"), LOCK_EX | LOCK_NB) < 0);
        pid = fork();
        if (pid == 0) {
                close(fd);
                _exit(-directory_lock(scratch_path("d"), LOCK_EX));
        }
        /* it waits by then, or comes later and finds nothing either */
        usleep(100000);
        assert_int_equal(rmdir(scratch_path("d")), 0);
        close(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), ENOENT);
        assert_int_equal(directory_lock(scratch_path("d"), LOCK_EX), -ENOENT);
        /* one of the same name that was made meanwhile is another one */
        scratch_mkdir("d");
        fd = directory_lock(scratch_path("d"), LOCK_EX | LOCK_NB);
        assert_true(fd >= 0);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_make, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_list, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_remove, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_remove_tree, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_is_same, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_lock, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
