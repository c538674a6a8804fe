/* A line of dnsmasq's log (log-queries=extra). Names in it are what the guest asked for, or what a name
 * server said. */
#pragma once

#include <stdint.h>

#include "common/allow-rule.h"

typedef enum ResolverWord {
        RESOLVER_OTHER,
        RESOLVER_ITSELF,  /* about dnsmasq, and no query */
        RESOLVER_STARTED, /* it answers from now on */
        RESOLVER_QUERY,   /* the guest asks for the address of a name */
        RESOLVER_ADDRESS, /* an IPv4 address of a name, from a server or the cache */
        RESOLVER_REFUSED, /* no name that is allowed: it was not asked outside */
} ResolverWord;

typedef struct ResolverLine {
        ResolverWord word;
        uint64_t serial;               /* of the query that it belongs to */
        char name[ALLOW_NAME_MAX + 1]; /* a host name in small letters, or "" */
        char address[sizeof("255.255.255.255")];
} ResolverLine;

/* Reads one; RESOLVER_OTHER is what is not understood. */
ResolverLine resolver_log_parse(const char *line);
