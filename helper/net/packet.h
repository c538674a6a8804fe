/* The head of a packet of the guest's, as the kernel logged it. The guest has written all of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Packet {
        char address[sizeof("255.255.255.255")]; /* where it was to go */
        uint8_t protocol;                        /* IANA's number */
        unsigned port;                           /* 0: the protocol has none */
} Packet;

/* 0; -EBADMSG: not the head of an IPv4 packet. */
int packet_parse(const void *data, size_t size, Packet *ret);

/* "tcp", "udp", "icmp", or "protocol" for the others. */
const char *packet_protocol_name(uint8_t protocol);
