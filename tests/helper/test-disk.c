#include "tests/test.h"

#include <errno.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "helper/host/disk.h"
#include "tests/capture.h"
#include "tests/scratch.h"

#define FILE_NAME "claude-microvm/disks/web.raw"

static int open_disk(uint64_t size_mib, uint64_t *ret_size_mib) {
        _cleanup_free_ char *why = NULL;
        int fd = disk_open(scratch, "web", size_mib, ret_size_mib, &why);

        if (fd < 0)
                fail_msg("%s", why);
        return fd;
}

static void refused(const char *expected) {
        _cleanup_free_ char *why = NULL;
        uint64_t size;

        assert_int_equal(disk_open(scratch, "web", 1024, &size, &why), -EINVAL);
        assert_says(why, expected);
}

static void test_made(void **state) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t size = 0;
        struct stat st;

        fd = open_disk(1024, &size);
        assert_int_equal(size, 1024);
        assert_int_equal(stat(scratch_path(FILE_NAME), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, 1024L << 20);
        assert_int_equal(disk_allocated(&st), 0);
        assert_int_equal(stat(scratch_path("claude-microvm/disks"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_grows_and_never_shrinks(void **state) {
        uint64_t size = 0;

        close(open_disk(1024, &size));
        close(open_disk(2048, &size));
        assert_int_equal(size, 2048);
        close(open_disk(1024, &size));
        assert_int_equal(size, 2048);
}

/* As QEMU, which has inherited the descriptor and outlives a helper that is killed. */
static void test_locked_while_a_child_has_it(void **state) {
        int pipe_fds[2], status;
        uint64_t size;
        pid_t pid;
        int fd = open_disk(1024, &size);

        assert_int_equal(pipe(pipe_fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                char c;

                close(pipe_fds[1]);
                _exit(read(pipe_fds[0], &c, 1) == 0 ? 0 : 1);
        }
        refused("is in use");
        close(fd);
        refused("is in use");
        close(pipe_fds[1]);
        close(pipe_fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(open_disk(1024, &size));
}

/* The file that it leads to stays as it is. */
static void test_link(void **state) {
        struct stat st;

        scratch_mkdir("claude-microvm");
        scratch_mkdir("claude-microvm/disks");
        scratch_write("victim", "precious", 0644);
        scratch_link("../../victim", FILE_NAME);
        refused("symbolic link");
        assert_int_equal(stat(scratch_path("victim"), &st), 0);
        assert_int_equal(st.st_size, strlen("precious"));
        assert_int_equal(st.st_mode & 07777, 0644);
}

static void test_other_kinds(void **state) {
        scratch_mkdir("claude-microvm");
        scratch_mkdir("claude-microvm/disks");
        assert_int_equal(mkfifo(scratch_path(FILE_NAME), 0600), 0);
        refused("not a regular file");
        assert_int_equal(unlink(scratch_path(FILE_NAME)), 0);
        scratch_mkdir(FILE_NAME);
        refused("cannot be opened for writing: Is a directory");
}

static int count(void *userdata, uint64_t copied, uint64_t total) {
        assert_true(copied <= total);
        ++*(unsigned *) userdata;
        return 0;
}

static int give_up(void *userdata, uint64_t copied, uint64_t total) {
        return 1;
}

static void test_copy(void **state) {
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        char text[9] = "";
        unsigned calls = 0;
        uint64_t size;
        struct stat st;

        from = open_disk(1024, &size);
        assert_int_equal(pwrite(from, "some data", 9, 1 << 20), 9);
        assert_int_equal(pwrite(from, "more data", 9, 512 << 20), 9);
        to = open(scratch_path("copy"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(disk_copy(from, to, count, &calls), 0);
        assert_true(calls > 0);
        assert_int_equal(fstat(to, &st), 0);
        assert_int_equal(st.st_size, 1024L << 20);
        assert_true(disk_allocated(&st) < 1 << 20);
        assert_int_equal(pread(to, text, sizeof(text), 512 << 20), 9);
        assert_memory_equal(text, "more data", 9);
        assert_int_equal(ftruncate(to, 0), 0);
        assert_int_equal(disk_copy(from, to, give_up, NULL), 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_made),
                TEST(test_grows_and_never_shrinks),
                TEST(test_locked_while_a_child_has_it),
                TEST(test_link),
                TEST(test_other_kinds),
                TEST(test_copy),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
