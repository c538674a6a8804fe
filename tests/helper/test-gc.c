#include "tests/test.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper/gc.h"

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

static unsigned reloads;

int __wrap_manager_reload_within(uint64_t limit_usec);

int __wrap_manager_reload_within(uint64_t limit_usec) {
        reloads++;
        return 0;
}

/* Those of `claude-run set` go, another's stays, and so does its directory. */
static void test_limits(void **state) {
        static const char *const directories[] = { "systemd", "systemd/user.control",
                "systemd/user.control/claude-vm@web.service.d",
                "systemd/user.control/claude-vm@other.service.d" };
        static const char web[] = "systemd/user.control/claude-vm@web.service.d/50-CPUQuota.conf",
                          high[] = "systemd/user.control/claude-vm@web.service.d/50-MemoryHigh.conf",
                          own[] = "systemd/user.control/claude-vm@web.service.d/50-Nice.conf",
                          other[] = "systemd/user.control/claude-vm@other.service.d/50-CPUQuota.conf";

        for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
                assert_int_equal(mkdir(in(directories[i]), 0700), 0);
        create(web);
        create(high);
        create(own);
        create(other);
        assert_int_equal(gc_run(directory, directory, "web"), 0);
        assert_int_equal(reloads, 1);
        assert_false(exists(web));
        assert_false(exists(high));
        assert_true(exists(own));
        assert_true(exists(other));
        assert_int_equal(gc_run(directory, directory, "other"), 0);
        assert_int_equal(reloads, 2);
        assert_false(exists("systemd/user.control/claude-vm@other.service.d"));
        /* nothing was set: no reload */
        assert_int_equal(gc_run(directory, directory, "web"), 0);
        assert_int_equal(reloads, 2);

        assert_int_equal(unlink(in(own)), 0);
        assert_int_equal(rmdir(in("systemd/user.control/claude-vm@web.service.d")), 0);
        assert_int_equal(rmdir(in("systemd/user.control")), 0);
        assert_int_equal(rmdir(in("systemd")), 0);
}

/* Links to units of a VM go, a user's own stay. */
static void test_needs(void **state) {
        static const char *const directories[] = { "systemd", "systemd/user",
                "systemd/user/claude-vm@web.service.wants", "systemd/user/claude-vm@other.service.wants" };
        static const char web[] = "systemd/user/claude-vm@web.service.wants/claude-vm-net@web.service",
                          own[] = "systemd/user/claude-vm@web.service.wants/backup.service",
                          other[] = "systemd/user/claude-vm@other.service.wants/claude-vm-net@other.service";

        for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
                assert_int_equal(mkdir(in(directories[i]), 0700), 0);
        assert_int_equal(symlink("/nowhere", in(web)), 0);
        assert_int_equal(symlink("/nowhere", in(own)), 0);
        assert_int_equal(symlink("/nowhere", in(other)), 0);
        assert_int_equal(gc_run(directory, directory, "web"), 0);
        assert_false(exists(web));
        assert_true(exists(own));
        assert_true(exists(other));
        assert_int_equal(gc_run(directory, directory, "other"), 0);
        assert_false(exists("systemd/user/claude-vm@other.service.wants"));

        assert_int_equal(unlink(in(own)), 0);
        for (size_t i = sizeof(directories) / sizeof(*directories); i > 0; i--)
                rmdir(in(directories[i - 1]));
}

/* Of a suspend that a killed helper has begun; a state that is whole stays, and so do those of others. */
static void test_suspend(void **state) {
        static const char *const names[] = { ".web", ".other", "web" };
        char file[32];

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                assert_int_equal(mkdir(in(names[i]), 0700), 0);
                snprintf(file, sizeof(file), "%s/memory", names[i]);
                create(file);
        }
        assert_int_equal(gc_run(directory, NULL, "web"), 0);
        assert_true(exists(".web/memory"));
        assert_int_equal(gc_run(directory, directory, "web"), 0);
        assert_false(exists(".web"));
        assert_true(exists(".other/memory"));
        assert_true(exists("web/memory"));
        for (size_t i = 1; i < sizeof(names) / sizeof(*names); i++) {
                snprintf(file, sizeof(file), "%s/memory", names[i]);
                assert_int_equal(unlink(in(file)), 0);
                assert_int_equal(rmdir(in(names[i])), 0);
        }
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

        assert_int_equal(gc_run(directory, directory, ID), 0);
        assert_false(exists("claude-microvm/requests/" ID ".ini"));
        assert_false(exists("systemd/user/claude-vm@" ID ".service.d"));
        assert_true(exists(target));
        assert_true(exists(other));
        /* a project has no request, and what is gone is gone */
        assert_int_equal(gc_run(directory, directory, "other"), 0);
        assert_true(exists(other));
        assert_int_equal(gc_run(directory, directory, ID), 0);
        assert_int_equal(gc_run(directory, directory, "../x"), 78);

        unlink(in(other));
        unlink(in(target));
        for (size_t i = sizeof(directories) / sizeof(*directories); i > 0; i--)
                rmdir(in(directories[i - 1]));
}

/* What systemd hears for what it says of the unit's end; "" for nothing. */
static const char *explained(const char *result, const char *code) {
        static char message[512];
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ssize_t n;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        setenv("NOTIFY_SOCKET", address.sun_path, 1);
        setenv("SERVICE_RESULT", result, 1);
        setenv("EXIT_CODE", code, 1);
        setenv("EXIT_STATUS", "KILL", 1);
        assert_int_equal(gc_run(directory, directory, "other"), 0);
        n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);
        message[n > 0 ? n : 0] = '\0';
        close(fd);
        unlink(address.sun_path);
        unsetenv("NOTIFY_SOCKET");
        unsetenv("SERVICE_RESULT");
        return message;
}

static void test_reasons(void **state) {
        static const struct {
                const char *result, *code, *text;
        } cases[] = {
                { "signal", "killed", "STATUS=The helper was killed; QEMU ended with it (signal, KILL)" },
                { "core-dump", "dumped", "crashed" },
                { "oom-kill", "killed", "STATUS=Out of memory: the VM was killed; MemoryMax=" },
                { "oom-kill", "exited", "Out of memory" },
                { "timeout", "exited", "time limit: RuntimeMaxSec=" },
                { "timeout", "killed", "TimeoutStopSec=" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                assert_non_null(strstr(explained(cases[i].result, cases[i].code), cases[i].text));
        /* the helper has said why itself */
        assert_string_equal(explained("success", "exited"), "");
        assert_string_equal(explained("exit-code", "exited"), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_suspend),
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_needs),
                cmocka_unit_test(test_reasons),
        };
        int r;

        unsetenv("SERVICE_RESULT");
        if (!mkdtemp(directory))
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        return r != 0 || rmdir(directory) != 0;
}
