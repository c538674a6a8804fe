#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory-file.h"

/* On every kernel it may be filled, sealed, and not inherited. */
static void test_memory_file(void **state) {
        const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        int fd = memory_file("test");

        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(write(fd, "x", 1), 1);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
        assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
        assert_int_equal(write(fd, "x", 1), -1);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
