/* The kernel's log of packets (nftables `log group`) of this network namespace. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "helper/net/packet.h"

/* Opens it for this namespace. A descriptor; negative errno. */
int packet_log_open(unsigned group);

typedef void (*packet_log_handler)(void *userdata, bool refused, const Packet *packet);

/* Reads what is there, and calls the handler for each packet. 0, negative errno. */
int packet_log_read(int fd, packet_log_handler handler, void *userdata);

/* The same for a buffer, for tests. */
void packet_log_parse(const void *data, size_t size, packet_log_handler handler, void *userdata);
