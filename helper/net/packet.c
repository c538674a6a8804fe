#include "helper/net/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#define IPV4_HEADER_MIN 20U /* RFC 791 */

static bool has_ports(uint8_t protocol) {
        return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

int packet_parse(const void *data, size_t size, Packet *ret) {
        const uint8_t *p = data;
        Packet packet = {};
        size_t header;

        if (size < IPV4_HEADER_MIN || p[0] >> 4 != 4)
                return -EBADMSG;
        header = 4U * (p[0] & 0xfU);
        if (header < IPV4_HEADER_MIN)
                return -EBADMSG;
        packet.protocol = p[9];
        inet_ntop(AF_INET, p + 16, packet.address, sizeof(packet.address));
        /* source port, destination port; conntrack has put fragments together before */
        if (has_ports(packet.protocol) && size >= header + 4)
                packet.port = (unsigned) p[header + 2] << 8 | p[header + 3];
        *ret = packet;
        return 0;
}

const char *packet_protocol_name(uint8_t protocol) {
        switch (protocol) {
        case IPPROTO_TCP:
                return "tcp";
        case IPPROTO_UDP:
                return "udp";
        case IPPROTO_ICMP:
                return "icmp";
        default:
                return "protocol";
        }
}
