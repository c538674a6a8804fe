#include "common/port-forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parses a port and the character that must follow it. Returns the text after both, or NULL if they are not
 * there. */
static const char *parse_port(const char *text, char end, unsigned *ret) {
        unsigned long n;
        char *rest;

        if (text[0] < '1' || text[0] > '9')
                return NULL;
        n = strtoul(text, &rest, 10);
        if (n > 65535 || *rest != end)
                return NULL;
        *ret = (unsigned) n;
        return end ? rest + 1 : rest;
}

/* Parses an address and its colon. Returns the text after both, or NULL if they are not there. */
static const char *parse_address(const char *text, char ret[static PORT_FORWARD_ADDRESS_MAX]) {
        unsigned char binary[sizeof(struct in6_addr)];
        bool ipv6 = text[0] == '[';
        const char *end = strchr(text, ipv6 ? ']' : ':');
        size_t n;

        text += ipv6;
        n = end ? (size_t) (end - text) : PORT_FORWARD_ADDRESS_MAX;
        if (n >= PORT_FORWARD_ADDRESS_MAX || end[ipv6] != ':')
                return NULL;
        memcpy(ret, text, n);
        ret[n] = '\0';
        return inet_pton(ipv6 ? AF_INET6 : AF_INET, ret, binary) == 1 ? end + ipv6 + 1 : NULL;
}

int port_forward_parse(const char *text, PortForward *ret) {
        PortForward f = { .address = "127.0.0.1" };

        if (parse_port(text, '\0', &f.host_port)) {
                f.guest_port = f.host_port;
                *ret = f;
                return 0;
        }
        if (strchr(text, '[') || strchr(text, '.'))
                text = parse_address(text, f.address);
        if (text)
                text = parse_port(text, ':', &f.host_port);
        if (!text || !parse_port(text, '\0', &f.guest_port))
                return -EINVAL;
        *ret = f;
        return 0;
}

void port_forward_print_host(const PortForward *f, char ret[static PORT_FORWARD_TEXT_MAX]) {
        bool ipv6 = strchr(f->address, ':');

        snprintf(ret, PORT_FORWARD_TEXT_MAX, "%s%s%s:%u", ipv6 ? "[" : "", f->address, ipv6 ? "]" : "",
                        f->host_port);
}

void port_forward_print(const PortForward *f, char ret[static PORT_FORWARD_TEXT_MAX]) {
        size_t n;

        port_forward_print_host(f, ret);
        n = strlen(ret);
        snprintf(ret + n, PORT_FORWARD_TEXT_MAX - n, ":%u", f->guest_port);
}

int port_forward_same_host_port(const PortForward *a, const PortForward *b) {
        return a->host_port == b->host_port && strcmp(a->address, b->address) == 0;
}
