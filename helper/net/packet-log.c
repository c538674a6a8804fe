/* netlink(7), and linux/netfilter/nfnetlink_log.h: a message has attributes, of which we want the rule's
 * prefix and the head of the packet. libnetfilter_log would be one more library for these lines. */

#include "helper/net/packet-log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"

#define SNAPLEN 128U /* as the rules have it */

typedef struct ConfigMessage {
        struct nlmsghdr header;
        struct nfgenmsg general;
        struct nlattr attribute;
        union {
                struct nfulnl_msg_config_cmd command;
                struct nfulnl_msg_config_mode mode;
        } __attribute__((packed)) u;
} __attribute__((packed, aligned(4))) ConfigMessage;

static int send_config(int fd, unsigned group, uint16_t type, const void *value, size_t size) {
        ConfigMessage m = {
                .header.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
                .header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                .general.version = NFNETLINK_V0,
                .general.res_id = htons((uint16_t) group),
                .attribute.nla_type = type,
        };
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[256];
        } answer;
        ssize_t n;

        m.attribute.nla_len = (uint16_t) (NLA_HDRLEN + size);
        memcpy(&m.u, value, size);
        m.header.nlmsg_len = (uint32_t) (offsetof(ConfigMessage, u) + NLA_ALIGN(size));
        if (send(fd, &m, m.header.nlmsg_len, 0) < 0)
                return -errno;
        n = recv(fd, &answer, sizeof(answer), 0);
        if (n < 0)
                return -errno;
        return (size_t) n < offsetof(typeof(answer), rest) || answer.header.nlmsg_type != NLMSG_ERROR
                        ? -EPROTO
                        : answer.error.error;
}

int packet_log_open(unsigned group) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        const struct nfulnl_msg_config_cmd bind_group = { .command = NFULNL_CFG_CMD_BIND };
        const struct nfulnl_msg_config_mode mode = {
                .copy_range = htonl(SNAPLEN),
                .copy_mode = NFULNL_COPY_PACKET,
        };
        const uint32_t timeout = htonl(10); /* hundredths of a second that the kernel may keep a packet */
        const int on = 1;
        int r;

        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        /* a flood loses packets of the log, and no socket error ends it */
        (void) setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
        r = send_config(fd, group, NFULA_CFG_CMD, &bind_group, sizeof(bind_group));
        if (r >= 0)
                r = send_config(fd, group, NFULA_CFG_MODE, &mode, sizeof(mode));
        if (r >= 0)
                r = send_config(fd, group, NFULA_CFG_TIMEOUT, &timeout, sizeof(timeout));
        return r < 0 ? r : TAKE_FD(fd);
}

/* The attributes of one message. */
static void parse_message(const char *data, size_t size, packet_log_handler handler, void *userdata) {
        bool refused = false, found = false;
        Packet packet;

        while (size >= NLA_HDRLEN) {
                struct nlattr a;
                size_t n;

                memcpy(&a, data, sizeof(a));
                if (a.nla_len < NLA_HDRLEN || a.nla_len > size)
                        break;
                n = a.nla_len - NLA_HDRLEN;
                if ((a.nla_type & NLA_TYPE_MASK) == NFULA_PREFIX)
                        refused = n >= strlen("refused") &&
                                        memcmp(data + NLA_HDRLEN, "refused", strlen("refused")) == 0;
                else if ((a.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD)
                        found = packet_parse(data + NLA_HDRLEN, n, &packet) >= 0;
                n = NLA_ALIGN((size_t) a.nla_len);
                if (n > size)
                        break;
                data += n;
                size -= n;
        }
        if (found)
                handler(userdata, refused, &packet);
}

void packet_log_parse(const void *data, size_t size, packet_log_handler handler, void *userdata) {
        const char *p = data;
        const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

        while (size >= NLMSG_HDRLEN) {
                struct nlmsghdr h;
                size_t n;

                memcpy(&h, p, sizeof(h));
                if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > size)
                        return;
                if (h.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) && h.nlmsg_len >= head)
                        parse_message(p + head, h.nlmsg_len - head, handler, userdata);
                n = NLMSG_ALIGN((size_t) h.nlmsg_len);
                if (n > size)
                        return;
                p += n;
                size -= n;
        }
}

int packet_log_read(int fd, packet_log_handler handler, void *userdata) {
        char buffer[32768];
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
        packet_log_parse(buffer, (size_t) n, handler, userdata);
        return 0;
}
