#include "common/allow-rule.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63U /* RFC 1035 */

static int refuse(char *ret_why, const char *why) {
        snprintf(ret_why, ALLOW_WHY_MAX, "%s", why);
        return -EINVAL;
}

static int parse_number(const char *text, unsigned long least, unsigned long most, unsigned *ret) {
        unsigned long n;
        char *end;

        if (!isdigit((unsigned char) text[0]) || strlen(text) > 5)
                return -EINVAL;
        n = strtoul(text, &end, 10);
        if (*end || n < least || n > most)
                return -EINVAL;
        *ret = (unsigned) n;
        return 0;
}

/* Cuts the port off. */
static int take_port(char *text, unsigned *ret) {
        char *colon = strrchr(text, ':');

        *ret = 0;
        if (!colon)
                return 0;
        *colon = '\0';
        return parse_number(colon + 1, 1, 65535, ret);
}

static int parse_network(char *text, AllowRule *rule, char *ret_why) {
        char *slash = strchr(text, '/');
        struct in_addr address;
        uint32_t mask;

        rule->kind = ALLOW_NETWORK;
        rule->prefix = 32;
        if (slash) {
                *slash = '\0';
                if (parse_number(slash + 1, 1, 32, &rule->prefix) < 0)
                        return refuse(ret_why,
                                        "the prefix behind '/' must be a number from 1 to 32; everything is Mode=open");
        }
        if (inet_pton(AF_INET, text, &address) != 1)
                return refuse(ret_why,
                                "must be an IPv4 address like 192.168.1.10 or a network like 192.168.1.0/24");
        mask = UINT32_MAX << (32 - rule->prefix);
        rule->address = ntohl(address.s_addr) & mask;
        return 0;
}

static bool is_label(const char *s, size_t n) {
        if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '-' &&
                                s[i] != '_')
                        return false;
        return true;
}

bool allow_name_is_valid(const char *name) {
        for (;; name++) {
                size_t length = strcspn(name, ".");

                if (!is_label(name, length))
                        return false;
                name += length;
                if (!*name)
                        return true;
        }
}

static int parse_name(const char *text, AllowRule *rule, char *ret_why) {
        size_t n = strlen(text);

        rule->kind = ALLOW_NAME;
        if (strncmp(text, "*.", 2) == 0) {
                text += 2;
                n -= 2;
        }
        /* behind `*.` there could be what without it means an address or this machine */
        if (n == 0 || n > ALLOW_NAME_MAX || strspn(text, "0123456789.") == n ||
                        strcasecmp(text, "host") == 0)
                return refuse(ret_why, "must be a host name, an address, host:PORT or @LIST");
        for (size_t i = 0; i < n; i++)
                rule->name[i] = (char) tolower((unsigned char) text[i]);
        return allow_name_is_valid(rule->name)
                        ? 0
                        : refuse(ret_why, "a host name has letters, digits and '-', with dots between; other scripts are written as xn--…");
}

static int parse_list(const char *text, AllowRule *rule, char *ret_why) {
        rule->kind = ALLOW_LIST;
        if (!is_label(text, strlen(text)))
                return refuse(ret_why, "the name of a list behind '@' has small letters, digits and '-'");
        strcpy(rule->name, text);
        return 0;
}

int allow_rule_parse(const char *text, AllowRule *ret, char ret_why[static ALLOW_WHY_MAX]) {
        AllowRule rule = {};
        char copy[ALLOW_TEXT_MAX];
        int r;

        if (strlen(text) >= sizeof(copy))
                return refuse(ret_why, "is too long");
        strcpy(copy, text);
        if (copy[0] == '@')
                r = parse_list(copy + 1, &rule, ret_why);
        else if (strchr(copy, '[') || strchr(copy, ':') != strrchr(copy, ':'))
                r = refuse(ret_why, "an IPv6 address cannot be allowed: guests have IPv4");
        else if (take_port(copy, &rule.port) < 0)
                r = refuse(ret_why, "the port behind ':' must be a number from 1 to 65535");
        else if (strcasecmp(copy, "host") == 0) {
                rule.kind = ALLOW_HOST;
                r = rule.port > 0 ? 0 : refuse(ret_why, "the host needs a port, like host:5432");
        } else if (strspn(copy, "0123456789./") == strlen(copy))
                r = parse_network(copy, &rule, ret_why);
        else
                r = parse_name(copy, &rule, ret_why);
        if (r >= 0)
                *ret = rule;
        return r;
}

void allow_rule_print_network(const AllowRule *rule, char ret[static ALLOW_NETWORK_MAX]) {
        struct in_addr address = { .s_addr = htonl(rule->address) };

        inet_ntop(AF_INET, &address, ret, ALLOW_NETWORK_MAX);
        if (rule->prefix < 32)
                snprintf(ret + strlen(ret), ALLOW_NETWORK_MAX - strlen(ret), "/%u", rule->prefix);
}

void allow_rule_print(const AllowRule *rule, char ret[static ALLOW_TEXT_MAX]) {
        char network[ALLOW_NETWORK_MAX], *end = ret;

        if (rule->kind == ALLOW_LIST)
                *end++ = '@';
        if (rule->kind == ALLOW_NETWORK)
                allow_rule_print_network(rule, network);
        end = stpcpy(end,
                        rule->kind == ALLOW_HOST                      ? "host"
                                        : rule->kind == ALLOW_NETWORK ? network
                                                                      : rule->name);
        if (rule->port > 0)
                snprintf(end, sizeof(":65535"), ":%u", (uint16_t) rule->port);
}
