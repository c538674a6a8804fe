/* The model APIs whose key can stay on the host: the guest's agent talks to a proxy, which exchanges a
 * placeholder for the key (helper/net/proxy-config.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where a guest finds the proxy: its gateway. */
#define API_ADDRESS "10.0.2.2"
#define API_PORT 8080
#define API_URL_MAX 512U
#define API_WHY_MAX 256U

typedef struct ApiKey {
        const char *agent;
        const char *secret; /* the variable that holds the key */
        const char *placeholder;
        const char *header, *scheme; /* how the agent sends it */
        const char *beta;            /* value of `anthropic-beta` that the key needs; NULL: none */
} ApiKey;

typedef struct Api {
        const char *agent;
        const char *base_variable; /* tells the agent where its API is */
        const char *base_path;     /* that it expects in there */
        const char *host;
        const char *paths; /* that may be asked for; all below one that ends with `/` */
} Api;

/* NULL: we know no API of this agent. */
const Api *api_find(const char *agent);

/* NULL: the variable holds no key of its API. */
const ApiKey *api_key_find(const char *agent, const char *secret);

/* The whole table, up to a row without agent. */
extern const ApiKey api_keys[];

typedef struct ApiUpstream {
        bool tls;
        bool is_local; /* on this machine's loopback: a guest's gateway, `host`, localhost or 127.0.0.1 */
        bool is_address;
        char host[254];
        unsigned port;
        char path[128]; /* without a slash at its end */
} ApiUpstream;

/* Reads http[s]://HOST[:PORT][/PATH]. 0; -EINVAL: `ret_why` is what it must be, as the rest of a sentence.
 */
int api_upstream_parse(const char *url, ApiUpstream *ret, char ret_why[static API_WHY_MAX]);

/* The API's own address. */
void api_upstream_default(const Api *api, ApiUpstream *ret);

/* As api_upstream_parse() reads it. */
void api_upstream_print(const ApiUpstream *upstream, char ret[static API_URL_MAX]);

/* The value of the base variable for a guest. */
void api_print_guest_url(const Api *api, char ret[static API_URL_MAX]);
