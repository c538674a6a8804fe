/* A line of haproxy's log, as proxy-config.c has it written. Names and paths in it are the guest's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/allow-rule.h"

typedef enum ProxyWord {
        PROXY_ITSELF, /* about haproxy */
        PROXY_API,
        PROXY_NAME_ALLOWED,
        PROXY_NAME_REFUSED,
        PROXY_NAME_LOCAL,   /* an allowed one, with an address that is not public */
        PROXY_NAME_UNKNOWN, /* an allowed one, without an address */
} ProxyWord;

typedef struct ProxyLine {
        ProxyWord word;
        char name[ALLOW_NAME_MAX + 1];           /* "": the guest's TLS has none */
        char address[sizeof("255.255.255.255")]; /* where the guest wanted to go */
        unsigned status;
        unsigned long long sent, received; /* bytes, of the guest's request and of the answer */
        unsigned long long msec;
        bool counts; /* for the budget */
        unsigned spent, budget;
        char method[16], path[512];
} ProxyLine;

/* Of all requests since the network was made. */
typedef struct ApiTotals {
        uint64_t requests, errors; /* an error has a status of 400 or more */
        uint64_t sent, received;   /* bytes */
        unsigned spent, budget;    /* in 24 hours, at the last request that counted; 0 of 0: no budget */
} ApiTotals;

ProxyLine proxy_log_parse(const char *text);
void api_totals_add(ApiTotals *t, const ProxyLine *line);
