/* What one VM may reach, and how nftables and dnsmasq say it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/allow-rule.h"
#include "common/api.h"
#include "common/cleanup.h"

typedef enum PolicyMode {
        POLICY_INTERNET, /* public addresses */
        POLICY_ALLOW,    /* what the rules name */
        POLICY_NONE,
        POLICY_OPEN, /* all but the host's loopback */
} PolicyMode;

typedef struct PolicyRule {
        AllowRule rule;
        char list[64]; /* the list that it is from; "": named itself */
        bool added;    /* while the VM runs */
} PolicyRule;

typedef struct Policy {
        PolicyMode mode;
        bool log_allowed;
        PolicyRule *rules;
        size_t n_rules;
        bool has_proxy;       /* haproxy runs in this network: for the API, and for TLS with Mode=allow */
        bool has_api;         /* it keeps a key of: */
        ApiUpstream upstream; /* (`host` is not there for a local one) */
        unsigned generation;  /* of the marks of connections; a tighter policy has a new one */
} Policy;

#define POLICY_RULES_MAX 4096U

void policy_done(Policy *p);

/* Of the word of Mode=; an unknown one is POLICY_NONE. */
PolicyMode policy_mode(const char *word);
const char *policy_mode_name(PolicyMode mode);

/* Adds a rule unless it is there. 1; 0: it is there; -E2BIG; -ENOMEM. */
int policy_add(Policy *p, const AllowRule *rule, const char *list, bool added);

/* Removes a rule. 1; 0: it is not there. */
int policy_remove(Policy *p, const AllowRule *rule);

/* True if a rule names `name` or a name above it. */
bool policy_allows_name(const Policy *p, const char *name);

/* True for an address that is no public one, to which no name leads. */
bool policy_is_local(const char *address);

/* An address that a name has had, for sets that are filled anew. */
typedef struct PolicyAddress {
        const char *name;
        const char *address; /* numeric, IPv4 */
} PolicyAddress;

/* The whole table, for `nft -f`. All functions that print: errors are those of the stream. */
void policy_print_table(FILE *f, const Policy *p);

/* What changes in a table that is in force, in one transaction. The sets of names begin with `known`. */
void policy_print_change(FILE *f, const Policy *p, const PolicyAddress *known, size_t n_known);

/* The networks that no name leads to, each with a blank before it. */
void policy_print_local_networks(FILE *f);

/* The sets of this machine's addresses and of the networks that it is connected to. Either array may be NULL.
 */
void policy_print_own(FILE *f, char *const *addresses, char *const *networks);

/* The names that TLS connections may have, one a line and each with a dot before it: what ends with a line
 * is that name, or below it. */
void policy_print_tls_names(FILE *f, const Policy *p);

/* dnsmasq's configuration. */
void policy_print_resolver(FILE *f, const Policy *p);
