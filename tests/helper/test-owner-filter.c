#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/share/owner-filter.h"
#include "tests/scratch.h"

#define NOBODY 65534U

static int change(int fd, uid_t uid, gid_t gid) {
        return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* In a process of its own, because nothing takes the filter away. Returns a number for what went wrong. */
static int look(int fd) {
        struct stat before, after;

        if (owner_filter_enforce() < 0 || fstat(fd, &before) < 0)
                return 1;
        /* what a virtiofsd asks for in its namespace, where 0 is this user */
        if (change(fd, 0, (gid_t) -1) != 0 || change(fd, (uid_t) -1, 0) != 0 || change(fd, 0, 0) != 0 ||
                        change(fd, (uid_t) -1, (gid_t) -1) != 0)
                return 2;
        if (fstat(fd, &after) < 0 || memcmp(&before, &after, sizeof(before)) != 0)
                return 3;
        /* another owner or group is for the kernel to refuse, or to make, if this is root */
        if (geteuid() != 0 && (change(fd, NOBODY, (gid_t) -1) != -EPERM || change(fd, 0, NOBODY) != -EPERM))
                return 4;
        /* and what is not chown(2) is as before */
        return fchmod(fd, 0640) < 0 || fstat(fd, &after) < 0 || (after.st_mode & 0777) != 0640 ? 5 : 0;
}

static void test_filter(void **state) {
        int fd = open(scratch_path("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), status;
        pid_t pid;

        assert_true(fd >= 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(look(fd));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_filter, scratch_setup, scratch_teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
