/* The configuration of a VM's haproxy: it exchanges placeholders for the keys of an API, and lets TLS
 * connections through by the name in them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/api.h"

/* Files of haproxy's root directory. */
#define PROXY_CONFIG_PATH "/etc/haproxy.cfg"
#define PROXY_CA_PATH "/etc/ca.crt"
#define PROXY_NAMES_PATH "/etc/names" /* as policy_print_tls_names() prints them */

/* What haproxy inherits beside its log, which is standard output. */
#define PROXY_ADMIN_FD 3

typedef struct ProxyConfig {
        const Api *api;   /* NULL: it keeps no key */
        const char *keys; /* names of variables of haproxy's environment, with blanks between */
        ApiUpstream upstream;
        unsigned budget; /* requests in 24 hours; 0: no limit */
} ProxyConfig;

/* Errors are those of the stream. */
void proxy_config_print(FILE *f, const ProxyConfig *c);
