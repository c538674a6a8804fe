/* rtnetlink(7). */

#include "helper/net/own-addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strv.h"

#define PREFIX_MIN 8U /* a wider network is a default route in disguise, and not a neighbourhood */

static int open_socket(uint32_t groups) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };

        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* The kernel reports a lost message of a group as the error of the next call, whatever that was for: so an
 * answer does not come where the changes do. */
int own_addresses_open(void) {
        return open_socket(0);
}

int own_addresses_watch(void) {
        return open_socket(RTMGRP_IPV4_IFADDR);
}

static int add_address(OwnAddresses *own, const struct ifaddrmsg *m, const void *data) {
        unsigned prefix = m->ifa_prefixlen < PREFIX_MIN ? 32 : m->ifa_prefixlen;
        char text[INET_ADDRSTRLEN];
        struct in_addr address;
        int r;

        memcpy(&address, data, sizeof(address));
        inet_ntop(AF_INET, &address, text, sizeof(text));
        r = strv_append(&own->addresses, text);
        if (r < 0)
                return r;
        address.s_addr &= htonl(UINT32_MAX << (32 - prefix));
        inet_ntop(AF_INET, &address, text, sizeof(text));
        return strv_appendf(&own->networks, "%s/%u", text, prefix);
}

/* The attributes behind the head of a message. IFA_LOCAL is our own address; IFA_ADDRESS would be the other
 * end of a point-to-point line. */
static int add_message(OwnAddresses *own, const char *data, size_t size) {
        struct ifaddrmsg m;
        struct rtattr a;
        int r = 0;

        if (size < sizeof(m))
                return 0;
        memcpy(&m, data, sizeof(m));
        if (m.ifa_family != AF_INET || m.ifa_prefixlen > 32 || m.ifa_scope == RT_SCOPE_HOST)
                return 0;
        for (size_t at = NLMSG_ALIGN(sizeof(m)); r >= 0 && at + sizeof(a) <= size;
                        at += RTA_ALIGN(a.rta_len)) {
                memcpy(&a, data + at, sizeof(a));
                if (a.rta_len < sizeof(a) || a.rta_len > size - at)
                        break;
                if (a.rta_type == IFA_LOCAL && a.rta_len == RTA_LENGTH(sizeof(struct in_addr)))
                        r = add_address(own, &m, data + at + RTA_LENGTH(0));
        }
        return r;
}

/* One buffer of the answer. 1: there is more to come. */
static int add_messages(OwnAddresses *own, const char *buffer, size_t size) {
        struct nlmsghdr h;
        int r = 0;

        for (size_t at = 0; at + sizeof(h) <= size; at += NLMSG_ALIGN(h.nlmsg_len)) {
                memcpy(&h, buffer + at, sizeof(h));
                if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size - at)
                        return -EPROTO;
                if (h.nlmsg_type == NLMSG_DONE)
                        return 0;
                if (h.nlmsg_type == NLMSG_ERROR)
                        return -EIO;
                if (h.nlmsg_type == RTM_NEWADDR)
                        r = add_message(own, buffer + at + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);
                if (r < 0)
                        return r;
        }
        return 1;
}

void own_addresses_done(OwnAddresses *own) {
        strv_free(own->addresses);
        strv_free(own->networks);
        *own = (OwnAddresses) {};
}

int own_addresses_read(int fd, OwnAddresses *ret) {
        struct {
                struct nlmsghdr header;
                struct ifaddrmsg message;
        } request = {
                .header.nlmsg_len = sizeof(request),
                .header.nlmsg_type = RTM_GETADDR,
                .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                .message.ifa_family = AF_INET,
        };
        char buffer[32768];
        _cleanup_(own_addresses_done) OwnAddresses own = {};
        int r = 1;

        if (send(fd, &request, sizeof(request), 0) < 0)
                return -errno;
        while (r > 0) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

                if (n < 0)
                        return -errno;
                r = add_messages(&own, buffer, (size_t) n);
        }
        if (r < 0)
                return r;
        *ret = own;
        own = (OwnAddresses) {};
        return 0;
}

int own_addresses_changed(int fd) {
        char buffer[32768];
        int changed = 0;

        while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0)
                changed = 1;
        /* what was lost was a change, too */
        return errno == ENOBUFS ? 1 : errno == EAGAIN || errno == EINTR ? changed : -errno;
}
