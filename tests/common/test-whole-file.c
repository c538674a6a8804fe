#include "tests/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/whole-file.h"

static int setup(void **state) {
        return tree_make();
}

static void test_read(void **state) {
        _cleanup_free_ char *text = NULL, *other = NULL;

        assert_int_equal(whole_file_create(in("five"), 0600, "12345", 5), 0);
        assert_int_equal(whole_file_create(in("five"), 0600, "other", 5), -EEXIST);
        assert_int_equal(whole_file_read(in("five"), 5, &text), 0);
        assert_string_equal(text, "12345");
        assert_int_equal(whole_file_read(in("five"), 4, &other), -EFBIG);
        assert_int_equal(whole_file_read(in("none"), 4, &other), -ENOENT);
        assert_int_equal(whole_file_create(in("nul"), 0600, "1\0002", 3), 0);
        assert_int_equal(whole_file_read(in("nul"), 5, &other), -EINVAL);
        assert_null(other);
}

/* What grows while it is read is cut. */
static void test_read_fd(void **state) {
        _cleanup_free_ char *text = NULL;
        int fd = open(in("five"), O_RDONLY | O_CLOEXEC);
        size_t size;

        assert_true(fd >= 0);
        assert_int_equal(whole_file_read_fd(fd, 3, &text, &size), 0);
        assert_int_equal(size, 3);
        assert_string_equal(text, "123");
        free(text);
        assert_int_equal(whole_file_read_fd(fd, 3, &text, &size), 0);
        assert_int_equal(size, 2);
        assert_string_equal(text, "45");
        close(fd);
}

static void test_read_at(void **state) {
        int dir = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
        char *text;

        assert_true(dir >= 0);
        assert_int_equal(symlink("five", in("link")), 0);
        assert_int_equal(whole_file_read_at(dir, "link", 5, &text), -ELOOP);
        assert_int_equal(whole_file_read_at(dir, ".", 5, &text), -ENOTSUP);
        assert_int_equal(whole_file_read_at(dir, "five", 5, &text), 0);
        assert_string_equal(text, "12345");
        free(text);
        close(dir);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_read_fd),
                cmocka_unit_test(test_read_at),
        };
        return cmocka_run_group_tests(tests, setup, tree_remove);
}
