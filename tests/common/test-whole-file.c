#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/cleanup.h"
#include "common/whole-file.h"
#include "tests/scratch.h"

static void test_read(void **state) {
        _cleanup_free_ char *text = NULL, *empty = NULL;

        scratch_write("ten", "0123456789", 0600);
        scratch_write("empty", "", 0600);
        assert_int_equal(whole_file_read(scratch_path("ten"), 10, &text), 0);
        assert_string_equal(text, "0123456789");
        assert_int_equal(whole_file_read(scratch_path("empty"), 0, &empty), 0);
        assert_string_equal(empty, "");
}

static void test_read_refuses(void **state) {
        char *text = NULL;
        FILE *f;

        scratch_write("eleven", "0123456789a", 0600);
        assert_int_equal(whole_file_read(scratch_path("eleven"), 10, &text), -EFBIG);
        f = fopen(scratch_path("nul"), "we");
        assert_non_null(f);
        assert_int_equal(fwrite("a\0b", 1, 3, f), 3);
        fclose(f);
        assert_int_equal(whole_file_read(scratch_path("nul"), 10, &text), -EINVAL);
        assert_int_equal(whole_file_read(scratch_path("missing"), 10, &text), -ENOENT);
        assert_int_equal(whole_file_read(scratch, 10, &text), -EISDIR);
        /* a file without end is cut by its limit */
        assert_int_equal(whole_file_read("/dev/zero", 10, &text), -EFBIG);
        assert_null(text);
}

/* What grows while it is read is cut. */
static void test_read_fd(void **state) {
        _cleanup_free_ char *first = NULL, *second = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;

        scratch_write("five", "12345", 0600);
        fd = open(scratch_path("five"), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(whole_file_read_fd(fd, 3, &first, &size), 0);
        assert_int_equal(size, 3);
        assert_string_equal(first, "123");
        assert_int_equal(whole_file_read_fd(fd, 3, &second, &size), 0);
        assert_int_equal(size, 2);
        assert_string_equal(second, "45");
}

/* In a directory of somebody else's: neither his links are followed nor his FIFOs waited for. */
static void test_read_at(void **state) {
        _cleanup_close_ int dir = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *good = NULL;
        char *text = NULL;

        scratch_write("file", "text", 0600);
        scratch_link("file", "link");
        scratch_mkdir("directory");
        assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
        assert_int_equal(whole_file_read_at(dir, "file", 10, &good), 0);
        assert_string_equal(good, "text");
        assert_int_equal(whole_file_read_at(dir, "link", 10, &text), -ELOOP);
        assert_int_equal(whole_file_read_at(dir, "directory", 10, &text), -ENOTSUP);
        assert_int_equal(whole_file_read_at(dir, "fifo", 10, &text), -ENOTSUP);
        assert_int_equal(whole_file_read_at(dir, "file", 3, &text), -EFBIG);
        assert_null(text);
}

static void test_create(void **state) {
        struct stat st;

        assert_int_equal(whole_file_create(scratch_path("new"), 0640, "a\0b", 3), 0);
        assert_int_equal(stat(scratch_path("new"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
        assert_int_equal(st.st_size, 3);
        /* never over another one, and through no link */
        scratch_write("old", "old", 0600);
        assert_int_equal(whole_file_create(scratch_path("old"), 0600, "new", 3), -EEXIST);
        assert_file("old", "old");
        scratch_link("target", "dangling");
        assert_int_equal(whole_file_create(scratch_path("dangling"), 0600, "new", 3), -EEXIST);
        assert_false(scratch_has("target"));
        assert_int_equal(whole_file_create(scratch_path("no/such"), 0600, "new", 3), -ENOENT);
}

/* A limit stands for a full disk: half a file would count as the whole. */
static void test_create_without_room(void **state) {
        struct rlimit old, limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        limit = (struct rlimit) { 2, old.rlim_max };
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(whole_file_create(scratch_path("half"), 0600, "text", 4), -ENOSPC);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_false(scratch_has("half"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_read, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_read_refuses, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_read_fd, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_read_at, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_create, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_create_without_room, scratch_setup, scratch_teardown),
        };

        umask(022);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
