/* One thing that a guest may reach, a word of Allow=:
 *
 *   NAME[:PORT]               a host name, and all names below it; `*.NAME` says the same
 *   ADDRESS[/PREFIX][:PORT]   an IPv4 address or network
 *   host:PORT                 a service on this machine's loopback
 *   @LIST                     a file of such words, see helper/net/allow-list.h
 *
 * The words end up in the configuration of other programs, so nothing but these forms passes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ALLOW_NAME_MAX 253U /* RFC 1035: bytes of a name in text form */
#define ALLOW_TEXT_MAX (ALLOW_NAME_MAX + 8U)
#define ALLOW_WHY_MAX 160U

typedef enum AllowKind {
        ALLOW_NAME,
        ALLOW_NETWORK,
        ALLOW_HOST,
        ALLOW_LIST,
} AllowKind;

typedef struct AllowRule {
        AllowKind kind;
        char name[ALLOW_NAME_MAX + 1]; /* of a name or a list, in lower case */
        uint32_t address;              /* in host order, without the bits behind the prefix */
        unsigned prefix;
        unsigned port; /* 0: all */
} AllowRule;

/* True for labels of small letters, digits, '-' and '_' with dots between, whatever their number. */
bool allow_name_is_valid(const char *name);

/* Reads one word. 0; -EINVAL: `ret_why` is what a word must be, as the rest of a sentence. */
int allow_rule_parse(const char *text, AllowRule *ret, char ret_why[static ALLOW_WHY_MAX]);

/* The canonical word, which allow_rule_parse() reads; ends with NUL. */
void allow_rule_print(const AllowRule *rule, char ret[static ALLOW_TEXT_MAX]);

/* The address or network alone, A.B.C.D/N. */
#define ALLOW_NETWORK_MAX sizeof("255.255.255.255/32")
void allow_rule_print_network(const AllowRule *rule, char ret[static ALLOW_NETWORK_MAX]);
