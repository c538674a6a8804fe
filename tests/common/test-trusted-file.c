#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/trusted-file.h"

static int dir;
static char directory[] = "/tmp/test-trusted-file.XXXXXX";

static int read_it(const char *name, char **ret, char why[static TRUSTED_FILE_WHY_MAX]) {
        size_t size = 0;
        uid_t owner;
        int r;

        *ret = NULL;
        r = trusted_file_read(dir, name, 16, ret, &size, &owner, why);
        if (r == 0)
                assert_int_equal((*ret)[size], '\0');
        else
                assert_null(*ret);
        return r;
}

static void put(const char *name, const char *text, mode_t mode) {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        assert_int_equal(fchmod(fd, mode), 0);
        close(fd);
}

static void refused(const char *name, int error, const char *expected) {
        char *text, why[TRUSTED_FILE_WHY_MAX];

        assert_int_equal(read_it(name, &text, why), error);
        if (!strstr(why, expected))
                fail_msg("'%s' has no '%s'", why, expected);
}

static void test_reads(void **state) {
        char *text, why[TRUSTED_FILE_WHY_MAX];

        put("good", "[Project]\n", 0644);
        assert_int_equal(read_it("good", &text, why), 0);
        assert_string_equal(text, "[Project]\n");
        free(text);
        put("empty", "", 0600);
        assert_int_equal(read_it("empty", &text, why), 1);
        assert_int_equal(symlinkat("/dev/null", dir, "masked"), 0);
        assert_int_equal(read_it("masked", &text, why), 1);
        assert_int_equal(read_it("missing", &text, why), -ENOENT);
}

static void test_refuses(void **state) {
        put("group", "x", 0664);
        refused("group", -EPERM, "chmod go-w");
        put("others", "x", 0602);
        refused("others", -EPERM, "chmod go-w");
        put("large", "12345678901234567", 0600);
        refused("large", -EPERM, "more than 16 bytes");
        assert_int_equal(symlinkat("good", dir, "link"), 0);
        refused("link", -ELOOP, "symbolic link");
        assert_int_equal(symlinkat("/dev/nullx", dir, "almost"), 0);
        refused("almost", -ELOOP, "symbolic link");
        assert_int_equal(mkdirat(dir, "directory", 0700), 0);
        refused("directory", -EPERM, "not a regular file");
        /* nobody writes to it, and nobody waits */
        assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
        refused("fifo", -EPERM, "not a regular file");
}

static int setup(void **state) {
        if (!mkdtemp(directory))
                return -1;
        dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return dir < 0;
}

static int teardown(void **state) {
        static const char *const names[] = { "good", "empty", "masked", "group", "others", "large", "link",
                "almost", "fifo" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                unlinkat(dir, names[i], 0);
        unlinkat(dir, "directory", AT_REMOVEDIR);
        close(dir);
        return rmdir(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads),
                cmocka_unit_test(test_refuses),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
