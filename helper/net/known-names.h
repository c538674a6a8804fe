/* Which name led the guest to an address: the last ones that it has asked for. */
#pragma once

#include <stddef.h>

#include "helper/net/policy.h"
#include "helper/net/resolver-log.h"

#define KNOWN_NAMES_MAX 4096U
#define KNOWN_QUERIES_MAX 256U

typedef struct KnownName {
        char name[ALLOW_NAME_MAX + 1];
        char address[sizeof("255.255.255.255")];
} KnownName;

typedef struct KnownQuery {
        uint64_t serial;
        char name[ALLOW_NAME_MAX + 1];
} KnownQuery;

typedef struct KnownNames {
        KnownName *items; /* a ring */
        size_t n, next;
        KnownQuery queries[KNOWN_QUERIES_MAX]; /* a ring likewise, from serial to name */
        size_t next_query;
} KnownNames;

void known_names_done(KnownNames *k);

/* Takes a line of the resolver. 0, -ENOMEM. */
int known_names_take(KnownNames *k, const ResolverLine *line);

/* The name, borrowed; "" if none is known. */
const char *known_names_find(const KnownNames *k, const char *address);

/* All pairs whose name the policy allows, in an owned array of borrowed strings. Their number, -ENOMEM. */
int known_names_allowed(const KnownNames *k, const Policy *p, PolicyAddress **ret);
