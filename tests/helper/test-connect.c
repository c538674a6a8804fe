#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "helper/ssh/connect.h"
#include "tests/capture.h"
#include "tests/scratch.h"

static void test_parse(void **state) {
        ConnectAddress a;

        assert_int_equal(connect_parse("tcp 127.0.0.1 40123\n", &a), 0);
        assert_string_equal(a.host, "127.0.0.1");
        assert_int_equal(a.port, 40123);
        assert_int_equal(connect_parse("tcp 127.0.0.1 65535", &a), 0);
        assert_int_equal(a.port, 65535);
        assert_int_equal(connect_parse("unix ssh.sock\n", &a), 0);
        assert_string_equal(a.host, "");
        assert_string_equal(a.name, "ssh.sock");
}

static void test_parse_refuses(void **state) {
        static const char *const bad[] = { "", "\n", "tcp", "tcp 127.0.0.1", "tcp 127.0.0.1 0",
                "tcp 127.0.0.1 65536", "tcp 127.0.0.1 -1", "tcp 127.0.0.1 x", "tcp 127.0.0 22",
                "tcp 127.0.0.256 22", "tcp localhost 22", "tcp ::1 22", "TCP 127.0.0.1 22", "unix", "unix ",
                "unix /run/user/1000/bus", "unix ../other/ssh.sock", "unix .", "unix .hidden",
                "Unix ssh.sock", "vsock 3 22" };
        ConnectAddress a, before;

        memset(&a, 7, sizeof(a));
        before = a;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (connect_parse(bad[i], &a) != -EINVAL)
                        fail_msg("'%s' is taken for an address", bad[i]);
        assert_memory_equal(&a, &before, sizeof(a));
}

/* A name that goes on like a path is at most its first part. */
static void test_parse_no_path(void **state) {
        ConnectAddress a;

        assert_int_equal(connect_parse("unix ssh.sock/../../bus", &a), 0);
        assert_string_equal(a.name, "ssh.sock");
        assert_int_equal(connect_parse("unix aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &a), 0);
        assert_int_equal(strlen(a.name), 31);
}

static int listen_at(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path(name));
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

static int setup(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("claude-vm");
        scratch_mkdir("claude-vm/p");
        scratch_mkdir("claude-vm/p/qemu");
        scratch_write("claude-vm/p/ssh.address", "unix ssh.sock\n", 0600);
        return 0;
}

/* Runs it as ssh does, with a socket as standard output; what it says is in `ret_said`. */
static int run(const char *host, int *ret_passed, const char **ret_said) {
        char control[CMSG_SPACE(sizeof(int))] = {}, byte;
        struct iovec iov = { &byte, 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        int pair[2], output, r;
        Capture c;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        fflush(stdout);
        output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        c = capture_begin(STDERR_FILENO);
        dup2(pair[1], STDOUT_FILENO);
        r = connect_run(scratch, host);
        dup2(output, STDOUT_FILENO);
        *ret_said = capture_end(c);
        *ret_passed = recvmsg(pair[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 &&
                                        CMSG_FIRSTHDR(&message)
                        ? *(int *) (void *) CMSG_DATA(CMSG_FIRSTHDR(&message))
                        : -1;
        close(output);
        close(pair[0]);
        close(pair[1]);
        return r;
}

static void test_passes_the_socket(void **state) {
        _cleanup_close_ int listener = listen_at("claude-vm/p/qemu/ssh.sock"), accepted = -EBADF;
        static const char *const names[] = { "p", "claude-vm.p", "claude-vm/p" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_close_ int guest = -EBADF, passed = -EBADF;
                const char *said;
                char word[3] = "";

                assert_int_equal(run(names[i], &passed, &said), 0);
                assert_string_equal(said, "");
                guest = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                assert_true(guest >= 0);
                /* both are ends of one connection */
                assert_int_equal(write(guest, "hi", 2), 2);
                assert_int_equal(read(passed, word, 2), 2);
                assert_string_equal(word, "hi");
        }
}

/* QEMU, which a guest may have taken over, makes what is in its directory: a link there could lead to any
 * socket of this user's. */
static void test_link_is_not_followed(void **state) {
        _cleanup_close_ int listener = listen_at("bus");
        const char *said;
        int passed;

        scratch_link("../../../bus", "claude-vm/p/qemu/ssh.sock");
        assert_int_equal(run("p", &passed, &said), EXIT_FAILURE);
        assert_int_equal(passed, -1);
        assert_says(said, "Failed to connect to VM 'p'");
        assert_int_equal(accept4(listener, NULL, NULL, SOCK_CLOEXEC), -1);
        assert_int_equal(errno, EAGAIN);
        /* nor is anything else a socket */
        unlink(scratch_path("claude-vm/p/qemu/ssh.sock"));
        scratch_write("claude-vm/p/qemu/ssh.sock", "", 0600);
        assert_int_equal(run("p", &passed, &said), EXIT_FAILURE);
        assert_says(said, strerror(ENOTSOCK));
}

static void test_no_vm(void **state) {
        const char *said;
        int passed;

        assert_int_equal(run("claude-vm.gone", &passed, &said), EXIT_FAILURE);
        assert_says(said, "'gone'");
        assert_says(said, "systemctl --user start claude-vm@gone");
        assert_int_equal(run("../p", &passed, &said), EXIT_CONFIGURATION);
        assert_says(said, "'../p'");
        assert_int_equal(run("claude-vm/", &passed, &said), EXIT_CONFIGURATION);
        /* an address that the helper has not written */
        scratch_write("claude-vm/p/ssh.address", "unix /run/user/0/bus\n", 0600);
        assert_int_equal(run("p", &passed, &said), EXIT_FAILURE);
        assert_says(said, strerror(EINVAL));
        assert_int_equal(passed, -1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_parse_refuses),
                cmocka_unit_test(test_parse_no_path),
                cmocka_unit_test_setup_teardown(test_passes_the_socket, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_link_is_not_followed, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_no_vm, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
