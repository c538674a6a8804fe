/* Copies of a work directory: whole or not there, and what is not copied. */

#include "helper/copy/make.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "helper/copy/record.h"
#include "tests/scratch.h"

static int make(uint64_t max_mib, CopyResult *ret, char **ret_why) {
        const CopyRequest request = {
                .data_home = scratch_path("data"),
                .id = "web",
                .origin = scratch_path("origin"),
                .max_mib = max_mib,
        };

        return copy_make(&request, ret, ret_why);
}

static void make_origin(void) {
        scratch_mkdir("origin");
        scratch_mkdir("origin/src");
        scratch_write("origin/file", "text\n", 0644);
        scratch_write("origin/src/run.sh", "#!/bin/sh\n", 0755);
        scratch_link("../file", "origin/src/link");
        scratch_link("/etc/passwd", "origin/out");
}

#define WORK "data/claude-microvm/copies/web/work"

static void test_copies_what_a_guest_works_on(void **state) {
        const struct timespec times[] = { { 1000, 5 }, { 1000000000, 123456789 } };
        _cleanup_free_ char *why = NULL;
        struct stat st;
        CopyResult result;

        make_origin();
        assert_int_equal(utimensat(AT_FDCWD, scratch_path("origin/file"), times, 0), 0);
        assert_int_equal(utimensat(AT_FDCWD, scratch_path("origin/src"), times, 0), 0);
        assert_int_equal(make(100, &result, &why), 1);
        assert_int_equal(result.files, 5);
        assert_int_equal(result.bytes, 15);
        assert_int_equal(result.n_left_out, 0);
        assert_file(WORK "/file", "text\n");
        assert_link(WORK "/src/link", "../file");
        assert_link(WORK "/out", "/etc/passwd");
        assert_int_equal(stat(scratch_path(WORK "/src/run.sh"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(stat(scratch_path(WORK "/file"), &st), 0);
        assert_int_equal(st.st_mtim.tv_sec, 1000000000);
        assert_int_equal(st.st_mtim.tv_nsec, 123456789);
        assert_int_equal(stat(scratch_path(WORK "/src"), &st), 0);
        assert_int_equal(st.st_mtim.tv_sec, 1000000000);
        assert_false(scratch_has("data/claude-microvm/copies/.new.web"));
}

static void test_is_made_once(void **state) {
        _cleanup_free_ char *why = NULL;
        CopyResult result;

        make_origin();
        assert_int_equal(make(100, &result, &why), 1);
        scratch_write(WORK "/file", "guest\n", 0644);
        scratch_write("origin/file", "host\n", 0644);
        assert_int_equal(make(100, &result, &why), 0);
        assert_file(WORK "/file", "guest\n");
}

/* As a SIGKILL leaves it. */
static void test_half_a_copy_does_not_count(void **state) {
        _cleanup_free_ char *why = NULL;
        CopyResult result;

        make_origin();
        scratch_mkdir("data");
        scratch_mkdir("data/claude-microvm");
        scratch_mkdir("data/claude-microvm/copies");
        scratch_mkdir("data/claude-microvm/copies/.new.web");
        scratch_mkdir("data/claude-microvm/copies/.new.web/work");
        scratch_write("data/claude-microvm/copies/.new.web/work/half", "x", 0644);
        assert_int_equal(make(100, &result, &why), 1);
        assert_false(scratch_has(WORK "/half"));
        assert_true(scratch_has(WORK "/file"));
}

static void test_limit(void **state) {
        _cleanup_free_ char *why = NULL;
        CopyResult result;
        int fd;

        make_origin();
        fd = open(scratch_path("origin/large"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 3 << 20), 0);
        close(fd);
        assert_int_equal(make(2, &result, &why), -EINVAL);
        assert_non_null(strstr(why, "set CopyMax=1G in [Project]"));
        assert_false(scratch_has("data/claude-microvm/copies/web"));
        assert_false(scratch_has("data/claude-microvm/copies/.new.web"));
        assert_int_equal(make(4, &result, &why), 1);
}

static void test_leaves_out(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_free_ char *why = NULL;
        CopyResult result;
        struct stat st;

        make_origin();
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path("origin/socket"));
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(mkfifo(scratch_path("origin/fifo"), 0600), 0);
        scratch_write("origin/suid", "x", 0755);
        /* a write takes the bit away */
        assert_int_equal(chmod(scratch_path("origin/suid"), 04755), 0);
        assert_int_equal(make(100, &result, &why), 1);
        assert_int_equal(result.n_left_out, 2);
        assert_false(scratch_has(WORK "/socket"));
        assert_false(scratch_has(WORK "/fifo"));
        assert_int_equal(stat(scratch_path(WORK "/suid"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
}

static void test_refuses_another_origin(void **state) {
        _cleanup_free_ char *why = NULL;
        CopyResult result;

        make_origin();
        assert_int_equal(make(100, &result, &why), 1);

        const CopyRequest request = {
                .data_home = scratch_path("data"), .id = "web", .origin = "/somewhere/else", .max_mib = 1
        };

        assert_int_equal(copy_make(&request, &result, &why), -EINVAL);
        assert_non_null(strstr(why, "claude-run discard web"));
}

static void test_origin_behind_a_link(void **state) {
        _cleanup_free_ char *why = NULL;
        CopyResult result;

        scratch_mkdir("real");
        scratch_link("real", "origin");
        assert_int_equal(make(100, &result, &why), -EINVAL);
        assert_non_null(strstr(why, "symbolic link"));
}

static int open_copy(void) {
        return open(scratch_path("data/claude-microvm/copies/web"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_record(void **state) {
        _cleanup_free_ char *why = NULL;
        FileState now = { .mode = S_IFREG | 0644, .size = 3, .inode = 7, .mtime_nsec = -1, .ctime_nsec = 9 };
        Record record = {};
        RecordEntry *e;
        CopyResult result;
        struct stat st;
        int fd;

        make_origin();
        scratch_write("origin/a\nb", "odd name", 0644);
        assert_int_equal(make(100, &result, &why), 1);
        fd = open_copy();
        assert_true(fd >= 0);
        assert_int_equal(record_read(fd, COPY_RECORD, &record), 0);
        assert_string_equal(record.origin, scratch_path("origin"));
        assert_int_equal(record.n, 6);
        e = record_find(&record, "a\nb");
        assert_non_null(e);
        assert_int_equal(stat(scratch_path("origin/a\nb"), &st), 0);
        assert_true(file_state_is_same(&e->original,
                        &(FileState) { st.st_mode, (uint64_t) st.st_size, st.st_ino,
                                        st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, 0 }));
        assert_int_equal(lstat(scratch_path(WORK "/a\nb"), &st), 0);
        now = file_state(&st);
        assert_true(file_state_is_untouched(&e->copy, &now));
        assert_null(record_find(&record, "nothing"));
        assert_int_equal(record_set(&record, "new", &now, &now), 0);
        e->is_gone = true;
        assert_int_equal(record_write(fd, COPY_RECORD, &record), 0);
        record_done(&record);
        assert_int_equal(record_read(fd, COPY_RECORD, &record), 0);
        assert_non_null(record_find(&record, "new"));
        assert_null(record_find(&record, "a\nb"));
        record_done(&record);
        scratch_write("data/claude-microvm/copies/web/record", "nonsense", 0600);
        assert_int_equal(record_read(fd, COPY_RECORD, &record), -EBADMSG);
        close(fd);
}

/* What the guest does to a file shows, even if it sets the time back. */
static void test_untouched(void **state) {
        _cleanup_free_ char *why = NULL;
        FileState before, after;
        CopyResult result;
        struct timespec times[2];
        struct stat st;

        make_origin();
        assert_int_equal(make(100, &result, &why), 1);
        assert_int_equal(stat(scratch_path(WORK "/file"), &st), 0);
        before = file_state(&st);
        times[0] = st.st_atim;
        times[1] = st.st_mtim;
        do {
                scratch_write(WORK "/file", "evil\n", 0644);
                assert_int_equal(utimensat(AT_FDCWD, scratch_path(WORK "/file"), times, 0), 0);
                assert_int_equal(stat(scratch_path(WORK "/file"), &st), 0);
                after = file_state(&st);
                /* the kernel's clock of files ticks in milliseconds */
        } while (after.ctime_nsec == before.ctime_nsec);
        assert_true(file_state_is_same(&before, &after));
        assert_false(file_state_is_untouched(&before, &after));
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
                TEST(test_copies_what_a_guest_works_on),
                TEST(test_is_made_once),
                TEST(test_half_a_copy_does_not_count),
                TEST(test_limit),
                TEST(test_leaves_out),
                TEST(test_refuses_another_origin),
                TEST(test_origin_behind_a_link),
                TEST(test_record),
                TEST(test_untouched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
