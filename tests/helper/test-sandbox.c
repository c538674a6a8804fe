/* A child in the sandbox tries what a guest that has broken out would. */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "landlock.h"
#include "sandbox.h"

static char directory[] = "/tmp/test-sandbox.XXXXXX";

static const char *in(const char *name) {
        static char paths[8][256];
        static unsigned n;
        char *path = paths[n++ % 8];

        snprintf(path, 256, "%s/%s", directory, name);
        return path;
}

static void write_file(const char *name) {
        int fd = open(in(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
}

static int bus;

static void make_tree(void) {
        static const char *const directories[] = { "home", "home/.ssh", "home/images", "home/images/debian",
                "run", "run/claude-vm", "run/claude-vm/p", "run/claude-vm/other", "run/claude-vm-fs" };
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        assert_non_null(mkdtemp(directory));
        for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
                assert_int_equal(mkdir(in(directories[i]), 0700), 0);
        write_file("home/.ssh/id");
        write_file("home/images/debian/kernel");
        write_file("run/claude-vm/other/ssh.key");
        /* a file of the image may be a link to another place */
        write_file("elsewhere");
        assert_int_equal(symlink(in("elsewhere"), in("linked")), 0);
        bus = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", in("run/bus"));
        assert_int_equal(bind(bus, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(bus, 1), 0);
}

static int opens(const char *path, int flags) {
        int fd = open(path, flags | O_CLOEXEC, 0600);

        if (fd < 0)
                return 0;
        close(fd);
        return 1;
}

static int connects(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        r = connect(fd, (const struct sockaddr *) &address, sizeof(address));
        close(fd);
        return r == 0;
}

/* What is wrong, as a bit each; only what a wall here can do. */
static int look_around(int landlock, int namespaces) {
        int wrong = 0;

        wrong |= opens(in("run/claude-vm/p/ssh.sock"), O_WRONLY | O_CREAT) ? 0 : 1;
        wrong |= opens(in("home/images/debian/kernel"), O_RDONLY) ? 0 : 2;
        wrong |= opens(in("linked"), O_RDONLY) ? 0 : 2;
        wrong |= opens("/dev/null", O_RDWR) && opens("/etc/passwd", O_RDONLY) ? 0 : 4;
        if (landlock || namespaces) {
                wrong |= opens(in("home/.ssh/id"), O_RDONLY) ? 8 : 0;
                wrong |= opens(in("run/claude-vm/other/ssh.key"), O_RDONLY) ? 16 : 0;
        }
        if (landlock) {
                wrong |= opens(in("home/images/debian/kernel"), O_RDWR) ? 32 : 0;
                wrong |= opens(in("left-behind"), O_WRONLY | O_CREAT) ? 64 : 0;
        }
        if (namespaces)
                wrong |= connects(in("run/bus")) ? 128 : 0;
        return wrong;
}

static int can_make_namespaces(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status == 0;
}

static void test_sandbox(void **state) {
        int ruleset, landlock, namespaces = can_make_namespaces(), status;
        pid_t pid;

        make_tree();
        ruleset = landlock_begin();
        landlock = ruleset >= 0;
        if (landlock)
                close(ruleset);
        assert_true(landlock || namespaces);
        assert_true(connects(in("run/bus")));
        pid = fork();
        if (pid == 0) {
                const QemuSandbox s = {
                        .qemu = "/bin/sh",
                        .home = in("home"),
                        .runtime_dir = in("run"),
                        .directory = in("run/claude-vm/p"),
                        .socket_dir = in("run/claude-vm-fs"),
                        .image = in("home/images/debian"),
                        .files = { in("home/images/debian/kernel"), in("linked") },
                };
                int r = sandbox_enter_qemu(&s);

                if (r < 0)
                        fprintf(stderr, "sandbox_enter_qemu: %s\n", strerror(-r));
                _exit(r < 0 ? 255 : look_around(landlock, namespaces));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        /* nothing of it is seen out here */
        assert_true(opens(in("home/.ssh/id"), O_RDONLY));
        close(bus);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sandbox),
        };
        int r = cmocka_run_group_tests(tests, NULL, NULL);
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", directory);
        return r != 0 || system(command) != 0;
}
