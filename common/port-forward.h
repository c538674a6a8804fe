/* A forwarded TCP port: [ADDRESS:]HOSTPORT:GUESTPORT, or PORT for the same on both sides. */
#pragma once

#define PORT_FORWARD_ADDRESS_MAX 46 /* INET6_ADDRSTRLEN */

typedef struct PortForward {
        char address[PORT_FORWARD_ADDRESS_MAX]; /* of the host: numeric, without brackets */
        unsigned host_port, guest_port;
} PortForward;

/* Reads one. Without an address it is 127.0.0.1; an IPv6 address stands in brackets. 0, -EINVAL. */
int port_forward_parse(const char *text, PortForward *ret);

#define PORT_FORWARD_TEXT_MAX (PORT_FORWARD_ADDRESS_MAX + 16)

/* ADDRESS:HOSTPORT, an IPv6 address in brackets; ends with NUL. */
void port_forward_print_host(const PortForward *f, char ret[static PORT_FORWARD_TEXT_MAX]);

/* The form with all three, which port_forward_parse() reads; ends with NUL. */
void port_forward_print(const PortForward *f, char ret[static PORT_FORWARD_TEXT_MAX]);

/* True if both would listen on the same port of the host. */
int port_forward_same_host_port(const PortForward *a, const PortForward *b);
