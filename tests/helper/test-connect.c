#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "helper/ssh/connect.h"
#include "tests/capture.h"
#include "tests/scratch.h"

static int listen_at(const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path(name));
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

static int setup(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("claude-vm-net");
        scratch_mkdir("claude-vm-net/p");
        return 0;
}

/* What the network's holder does with one question: it checks the word and gives `fd` away. */
static pid_t answer_once(int listener, int fd) {
        char control[CMSG_SPACE(sizeof(int))] = {}, word[16] = "";
        struct iovec iov = { word, 1 };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
        pid_t pid = fork();
        int client;

        if (pid != 0)
                return pid;
        client = accept(listener, NULL, NULL);
        if (read(client, word, sizeof(word)) != 3 || memcmp(word, "ssh", 3) != 0)
                _exit(1);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
        if (fd >= 0)
                sendmsg(client, &message, 0);
        _exit(0);
}

static void answered(pid_t pid) {
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
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
        static const char *const names[] = { "p", "claude-vm.p", "claude-vm/p" };
        _cleanup_close_ int listener = listen_at("claude-vm-net/p/ssh");

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_close_ int passed = -EBADF;
                const char *said;
                char word[3] = "";
                int pair[2];
                pid_t pid;

                assert_int_equal(
                                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
                pid = answer_once(listener, pair[0]);
                assert_int_equal(run(names[i], &passed, &said), 0);
                assert_string_equal(said, "");
                answered(pid);
                /* ssh waits for what it reads */
                assert_int_equal(fcntl(passed, F_GETFL) & O_NONBLOCK, 0);
                assert_int_equal(write(pair[1], "hi", 2), 2);
                assert_int_equal(read(passed, word, 2), 2);
                assert_string_equal(word, "hi");
                close(pair[0]);
                close(pair[1]);
        }
}

/* A guest whose sshd refuses, and a holder that has nothing to give. */
static void test_no_connection(void **state) {
        struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        _cleanup_close_ int listener = listen_at("claude-vm-net/p/ssh"),
                            closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                            fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t size = sizeof(nobody);
        const char *said;
        int passed;
        pid_t pid;

        /* a port that is bound, and at which nobody listens */
        assert_int_equal(bind(closed, (struct sockaddr *) &nobody, size), 0);
        assert_int_equal(getsockname(closed, (struct sockaddr *) &nobody, &size), 0);
        (void) connect(fd, (struct sockaddr *) &nobody, sizeof(nobody));
        pid = answer_once(listener, fd);
        assert_int_equal(run("p", &passed, &said), EXIT_FAILURE);
        assert_says(said, "Failed to connect to VM 'p'");
        assert_int_equal(passed, -1);
        answered(pid);
        pid = answer_once(listener, -1);
        assert_int_equal(run("p", &passed, &said), EXIT_FAILURE);
        assert_int_equal(passed, -1);
        answered(pid);
}

static void test_no_vm(void **state) {
        const char *said;
        int passed;

        assert_int_equal(run("claude-vm.gone", &passed, &said), EXIT_FAILURE);
        assert_says(said, "'gone'");
        assert_says(said, "systemctl --user start claude-vm@gone");
        assert_says(said, "claude-run list");
        assert_int_equal(run("../p", &passed, &said), EXIT_CONFIGURATION);
        assert_says(said, "'../p'");
        assert_int_equal(run("claude-vm/", &passed, &said), EXIT_CONFIGURATION);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_passes_the_socket, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_no_connection, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_no_vm, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
