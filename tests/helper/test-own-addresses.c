#include "tests/test.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/net/own-addresses.h"

#define N_ADDRESSES 64U

/* 44.0.0.N/24 of the loopback, which a new network namespace has. */
static bool add_address(int fd, unsigned n) {
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg message;
                struct rtattr attribute;
                uint32_t address;
        } request = {
                .header.nlmsg_len = sizeof(request),
                .header.nlmsg_type = RTM_NEWADDR,
                .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE,
                .message.ifa_family = AF_INET,
                .message.ifa_prefixlen = 24,
                .message.ifa_index = 1,
                .attribute.rta_type = IFA_LOCAL,
                .attribute.rta_len = RTA_LENGTH(sizeof(uint32_t)),
                .address = htonl((44U << 24) + n),
        };
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[256];
        } answer;

        return send(fd, &request, sizeof(request), 0) == sizeof(request) &&
                        recv(fd, &answer, sizeof(answer), 0) > 0 &&
                        answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
}

/* Each line of what it checks is the status of the child that it runs in. */
static int follow_many_changes(void) {
        _cleanup_(own_addresses_done) OwnAddresses own = {};
        _cleanup_close_ int fd = own_addresses_open(), changes = own_addresses_watch(),
                            other = own_addresses_open();
        const int small = 1;

        if (fd < 0 || changes < 0 || other < 0 || own_addresses_changed(changes) != 0)
                return __LINE__;
        if (setsockopt(changes, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
                return __LINE__;
        for (unsigned i = 1; i <= N_ADDRESSES; i++)
                if (!add_address(other, i))
                        return __LINE__;
        /* the group's messages that had no room are no error of the answer */
        if (own_addresses_read(fd, &own) < 0 || strv_length(own.addresses) != N_ADDRESSES)
                return __LINE__;
        if (own_addresses_changed(changes) != 1)
                return __LINE__;
        /* the socket goes on to tell */
        if (own_addresses_changed(changes) < 0 || !add_address(other, N_ADDRESSES + 1) ||
                        own_addresses_changed(changes) != 1)
                return __LINE__;
        return strcmp(own.addresses[0], "44.0.0.1") != 0 || strcmp(own.networks[0], "44.0.0.0/24") != 0
                        ? __LINE__
                        : 0;
}

static void test_many_changes(void **state) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
                _exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? 1 : follow_many_changes());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_many_changes) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
