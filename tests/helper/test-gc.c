#include "test.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gc.h"

#define ID "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"

static char directory[] = "/tmp/test-gc.XXXXXX";

static const char *in(const char *name) {
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        return path;
}

static void create(const char *name) {
        FILE *f = fopen(in(name), "we");

        assert_non_null(f);
        fclose(f);
}

static bool exists(const char *name) {
        struct stat st;

        return lstat(in(name), &st) == 0;
}

static void test_request(void **state) {
        static const char *const directories[] = { "claude-microvm", "claude-microvm/requests", "systemd",
                "systemd/user", "systemd/user/claude-vm@" ID ".service.d",
                "systemd/user/claude-vm@other.service.d" };
        static const char target[] = "target",
                          other[] = "systemd/user/claude-vm@other.service.d/50-claude-microvm.conf";

        for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
                assert_int_equal(mkdir(in(directories[i]), 0700), 0);
        create(target);
        create(other);
        create("systemd/user/claude-vm@" ID ".service.d/50-claude-microvm.conf");
        /* a link that somebody planted: it goes, what it names stays */
        char link[256];
        strcpy(link, in("claude-microvm/requests/" ID ".ini"));
        assert_int_equal(symlink(in(target), link), 0);

        assert_int_equal(gc_run(directory, ID), 0);
        assert_false(exists("claude-microvm/requests/" ID ".ini"));
        assert_false(exists("systemd/user/claude-vm@" ID ".service.d"));
        assert_true(exists(target));
        assert_true(exists(other));
        /* a project has no request, and what is gone is gone */
        assert_int_equal(gc_run(directory, "other"), 0);
        assert_true(exists(other));
        assert_int_equal(gc_run(directory, ID), 0);
        assert_int_equal(gc_run(directory, "../x"), 78);

        unlink(in(other));
        unlink(in(target));
        for (size_t i = sizeof(directories) / sizeof(*directories); i > 0; i--)
                rmdir(in(directories[i - 1]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
        };
        int r;

        unsetenv("SERVICE_RESULT");
        if (!mkdtemp(directory))
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        return r != 0 || rmdir(directory) != 0;
}
