/* A child in the sandbox tries what a guest that has taken QEMU or ssh over would. */

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/sandbox/landlock.h"
#include "helper/sandbox/sandbox.h"

static char directory[] = "/var/tmp/test-sandbox.XXXXXX";

static const char *in(const char *name) {
        static char paths[16][256];
        static unsigned n;
        char *path = paths[n++ % 16];

        snprintf(path, 256, "%s/%s", directory, name);
        return path;
}

static void write_file(const char *name) {
        int fd = open(in(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
}

static int address_of(const char *path, struct sockaddr_un *ret) {
        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void listen_at(const char *path) {
        struct sockaddr_un address;
        int fd = address_of(path, &address);

        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
}

static int make_tree(void **state) {
        static const char *const directories[] = { "home", "home/.ssh", "run", "run/claude-vm",
                "run/claude-vm/p", "run/claude-vm/p/root", "run/claude-vm/p/qemu", "run/claude-vm/p/ssh",
                "run/claude-vm/other", "run/claude-vm-fs" };

        assert_non_null(mkdtemp(directory));
        for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
                assert_int_equal(mkdir(in(directories[i]), 0700), 0);
        write_file("home/.ssh/id");
        write_file("kernel");
        write_file("run/claude-vm/p/ssh.config");
        write_file("run/claude-vm/p/share.work");
        write_file("run/claude-vm/other/ssh.key");
        listen_at(in("run/bus"));
        listen_at(in("run/claude-vm-fs/p:work.sock"));
        listen_at(in("run/claude-vm-fs/q:work.sock"));
        return 0;
}

static bool opens(const char *path, int flags) {
        int fd = open(path, flags | O_CLOEXEC, 0600);

        if (fd < 0)
                return false;
        close(fd);
        return true;
}

static bool connects(const char *path) {
        struct sockaddr_un address;
        int fd = address_of(path, &address), r;

        r = connect(fd, (const struct sockaddr *) &address, sizeof(address));
        close(fd);
        return r == 0;
}

static bool makes_socket(const char *path) {
        struct sockaddr_un address;
        int fd = address_of(path, &address), r;

        r = bind(fd, (const struct sockaddr *) &address, sizeof(address));
        close(fd);
        return r == 0;
}

/* Says what should have been otherwise, and counts it. */
static int wrong(bool is_wrong, const char *what) {
        if (is_wrong)
                fprintf(stderr, "in the sandbox: %s\n", what);
        return is_wrong;
}

#define CAN(what) wrong(!(what), "cannot: " #what)
#define CANNOT(what) wrong(what, "can: " #what)

/* What both programs are kept from. */
static int look_around(pid_t parent) {
        int n = 0;

        n += CANNOT(opens(in("home/.ssh/id"), O_RDONLY));
        n += CANNOT(access(in("home"), F_OK) == 0);
        n += CANNOT(opens(in("run/claude-vm/other/ssh.key"), O_RDONLY));
        n += CANNOT(opens(in("run/claude-vm/p/share.work"), O_RDONLY));
        n += CANNOT(opens(in("run/claude-vm/p/share.work"), O_WRONLY | O_CREAT));
        n += CANNOT(opens(in("run/claude-vm/p/ssh.config"), O_RDWR));
        n += CANNOT(connects(in("run/bus")));
        n += CANNOT(connects(in("run/claude-vm-fs/q:work.sock")));
        n += CANNOT(access("/tmp", F_OK) == 0 || access("/home", F_OK) == 0 ||
                        access("/var/lib", F_OK) == 0);
        n += CANNOT(access("/run/dbus", F_OK) == 0 || access("/dev/shm", F_OK) == 0);
        n += CANNOT(opens("/left-behind", O_WRONLY | O_CREAT));
        n += CANNOT(mkdir("/usr/left-behind", 0700) == 0);
        n += CAN(opens("/dev/null", O_RDWR) && access("/bin/sh", X_OK) == 0);
        if (landlock_version() >= 1) {
                n += CANNOT(opens("file", O_WRONLY | O_CREAT));
                n += CANNOT(symlink("/", "link") == 0);
                n += CANNOT(mkdir("directory", 0700) == 0);
        }
        if (landlock_version() >= 6)
                n += CANNOT(kill(parent, 0) == 0);
        return n;
}

static int look_around_in_qemu(pid_t parent) {
        int n = look_around(parent);

        n += CAN(opens(in("kernel"), O_RDONLY));
        n += CAN(connects(in("run/claude-vm-fs/p:work.sock")));
        n += CAN(makes_socket("ssh.sock"));
        n += CANNOT(opens("/etc/passwd", O_RDONLY));
        /* no process but itself, and no file of the kernel */
        n += CAN(getpid() == 1 && opens("/proc/self/maps", O_RDONLY));
        n += CANNOT(opens("/proc/2/cmdline", O_RDONLY) || access("/proc/sys", F_OK) == 0);
        return n;
}

static void wait_for_child(pid_t pid) {
        int status;

        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_qemu(void **state) {
        char *sockets[] = { (char *) in("run/claude-vm-fs/p:work.sock"), NULL };
        const QemuSandbox s = {
                .point = in("run/claude-vm/p/root"),
                .qemu = "/usr/bin/env",
                .directory = in("run/claude-vm/p/qemu"),
                .sockets = sockets,
                .files = { in("kernel"), in("kernel"), "/usr/bin/env" },
        };
        pid_t parent = getpid(), pid = sandbox_fork_qemu();

        if (pid == 0) {
                int r = sandbox_enter_qemu(&s);

                if (r < 0)
                        fprintf(stderr, "sandbox_enter_qemu: %s\n", strerror(-r));
                _exit(r < 0 ? 255 : look_around_in_qemu(parent));
        }
        wait_for_child(pid);
        /* nothing of it is seen out here, but the socket that it has made */
        assert_true(opens(in("home/.ssh/id"), O_RDONLY));
        assert_int_not_equal(access(in("run/claude-vm/p/root/usr"), F_OK), 0);
        assert_int_equal(access(in("run/claude-vm/p/qemu/ssh.sock"), F_OK), 0);
}

static int look_around_in_ssh(pid_t parent) {
        int n = look_around(parent);

        n += CAN(opens(in("run/claude-vm/p/ssh.config"), O_RDONLY));
        n += CAN(makes_socket("control.temporary") && link("control.temporary", "control") == 0 &&
                        unlink("control.temporary") == 0);
        n += CAN(access(in("run/claude-vm/p/qemu/ssh.sock"), F_OK) == 0);
        n += CANNOT(unlink(in("run/claude-vm/p/qemu/ssh.sock")) == 0);
        n += CANNOT(access("/proc/self", F_OK) == 0);
        n += CANNOT(connects(in("run/claude-vm-fs/p:work.sock")));
        return n;
}

/* After test_qemu(), whose socket it looks for. */
static void test_ssh(void **state) {
        const char *const files[] = { in("run/claude-vm/p/ssh.config"), in("does-not-exist"), NULL };
        const SshSandbox s = {
                .point = in("run/claude-vm/p/root"),
                .ssh = "/usr/bin/ssh",
                .helper = "/usr/bin/env",
                .directory = in("run/claude-vm/p/ssh"),
                .sockets = { in("run/claude-vm/p/qemu/ssh.sock") },
                .files = files,
        };
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
                int r = sandbox_enter_ssh(&s);

                if (r < 0)
                        fprintf(stderr, "sandbox_enter_ssh: %s\n", strerror(-r));
                _exit(r < 0 ? 255 : look_around_in_ssh(parent));
        }
        wait_for_child(pid);
}

/* A missing file of the image is an error, not a root directory without it. */
static void test_missing_file(void **state) {
        const QemuSandbox s = {
                .point = in("run/claude-vm/p/root"),
                .qemu = "/usr/bin/env",
                .directory = in("run/claude-vm/p/qemu"),
                .files = { in("kernel"), in("kernel"), in("does-not-exist") },
        };
        pid_t pid = sandbox_fork_qemu();

        if (pid == 0)
                _exit(sandbox_enter_qemu(&s) != -ENOENT);
        wait_for_child(pid);
}

static void test_try(void **state) {
        assert_int_equal(sandbox_try(), 0);
}

static int directory_remove_tree(void **state) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", directory);
        return system(command);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_qemu),
                cmocka_unit_test(test_ssh),
                cmocka_unit_test(test_missing_file),
                cmocka_unit_test(test_try),
        };

        return cmocka_run_group_tests(tests, make_tree, directory_remove_tree);
}
