/* A forwarded TCP port: [ADDRESS:]HOSTPORT:GUESTPORT, or PORT for the same on both sides. */
#pragma once

#define FORWARD_ADDRESS_MAX 46 /* INET6_ADDRSTRLEN */

typedef struct Forward {
        char address[FORWARD_ADDRESS_MAX]; /* of the host: numeric, without brackets */
        unsigned host_port, guest_port;
} Forward;

/* Reads one. Without an address it is 127.0.0.1; an IPv6 address stands in brackets. 0, -EINVAL. */
int forward_parse(const char *text, Forward *ret);

#define FORWARD_TEXT_MAX (FORWARD_ADDRESS_MAX + 16)

/* ADDRESS:HOSTPORT, an IPv6 address in brackets; ends with NUL. */
void forward_print_host(const Forward *f, char ret[static FORWARD_TEXT_MAX]);

/* The form with all three, which forward_parse() reads; ends with NUL. */
void forward_print(const Forward *f, char ret[static FORWARD_TEXT_MAX]);

/* True if both would listen on the same port of the host. */
int forward_same_host_port(const Forward *a, const Forward *b);
