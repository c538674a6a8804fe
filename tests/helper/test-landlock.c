#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "landlock.h"

static char directory[] = "/tmp/test-landlock.XXXXXX";

/* 0 or an errno. */
static int try_open(const char *path, int flags) {
        int fd = open(path, flags | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int try_tcp(void) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(1) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        r = connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ? errno : 0;
        close(fd);
        return r;
}

/* In a process of its own, which keeps the restriction. The number of the first surprise, or 0. */
static int restricted(void) {
        const LandlockPath paths[] = {
                { "read", LANDLOCK_READ },
                { "write", LANDLOCK_WRITE },
                { "one", LANDLOCK_READ },
                { "/dev/null", LANDLOCK_DEVICE },
                { "missing", LANDLOCK_READ },
        };
        const struct {
                const char *path;
                int flags, expected;
        } cases[] = {
                { "read/file", O_RDONLY, 0 },
                { "read", O_RDONLY | O_DIRECTORY, 0 },
                { "read/file", O_WRONLY, EACCES },
                { "read/new", O_WRONLY | O_CREAT, EACCES },
                { "write/new", O_RDWR | O_CREAT, 0 },
                { "one", O_RDONLY, 0 },
                { "one", O_RDWR, EACCES },
                { "other", O_RDONLY, EACCES },
                { ".", O_RDONLY | O_DIRECTORY, EACCES },
                { "/etc/passwd", O_RDONLY, EACCES },
                /* no way round by way of another name */
                { "write/link", O_RDONLY, EACCES },
                { "read/../other", O_RDONLY, EACCES },
                { "/dev/null", O_RDWR, 0 },
        };

        if (landlock_restrict(paths, sizeof(paths) / sizeof(*paths), true) < 0)
                return 100;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                if (try_open(cases[i].path, cases[i].flags) != cases[i].expected)
                        return (int) i + 1;
        if (landlock_version() >= 4 && try_tcp() != EACCES)
                return 101;
        if (landlock_version() >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
                return 102;
        return 0;
}

static void test_refusals(void **state) {
        pid_t pid;
        int status;

        if (landlock_version() == 0)
                skip();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(restricted());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        /* the others keep what they had */
        assert_int_equal(try_open("other", O_RDONLY), 0);
}

static int make_files(void) {
        return mkdir("read", 0700) | mkdir("write", 0700) | try_open("read/file", O_WRONLY | O_CREAT) |
                        try_open("one", O_WRONLY | O_CREAT) | try_open("other", O_WRONLY | O_CREAT) |
                        symlink("../other", "write/link");
}

static void remove_files(void) {
        static const char *const names[] = { "read/file", "write/link", "write/new", "one", "other" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                unlink(names[i]);
        rmdir("read");
        rmdir("write");
        rmdir(directory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals),
        };
        int r;

        if (!mkdtemp(directory) || chdir(directory) < 0 || make_files() != 0)
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        remove_files();
        return r;
}
