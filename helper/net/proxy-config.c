/* No value of a key is in here: haproxy reads it from its environment for each request, and no part of it is
 * taken for configuration. No regular expression either, whose compiler wants memory that is written and
 * run. */

#include "helper/net/proxy-config.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/settings.h"
#include "helper/net/addresses.h"
#include "helper/net/policy.h"

static void print_global(FILE *f) {
        fprintf(f,
                        "global\n"
                        "    log stdout format raw local0 info\n"
                        /* enough for a build, and little memory */
                        "    maxconn 512\n"
                        "    nbthread 1\n"
                        /* `user` may change lists of names, and not see the environment, where the keys are
                         */
                        "    stats socket fd@%d level user\n"
                        "    ssl-server-verify required\n"
                        "    ssl-default-server-options ssl-min-ver TLSv1.2\n"
                        /* the host's name servers, not the guest's: dnsmasq says what the guest asks */
                        "resolvers outer\n"
                        "    nameserver outer " NET_OUTER_RESOLVER ":53\n"
                        "    accepted_payload_size 4096\n"
                        "    resolve_retries 5\n"
                        "    timeout resolve 1s\n"
                        "    timeout retry 1s\n"
                        "    hold valid 30s\n"
                        "defaults\n"
                        "    log global\n"
                        "    timeout connect 15s\n"
                        "    timeout http-request 60s\n"
                        "    timeout http-keep-alive 5m\n"
                        /* connections only: the agent repeats requests itself */
                        "    retries 1\n",
                        PROXY_ADMIN_FD);
}

/* --- the API --------------------------------------------------------------------------- */

/* An answer in the form of the Messages API; those of other agents read the same members. */
static void print_answer(FILE *f, unsigned status, const char *type, const char *text) {
        fprintf(f,
                        "status %u content-type application/json string "
                        "'{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"claude-microvm: %s\"}}'",
                        status, type, text);
}

/* What haproxy says itself when the API does not answer. */
static void print_own_errors(FILE *f) {
        static const unsigned statuses[] = { 502, 503, 504 };

        for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
                fputs("    http-error ", f);
                print_answer(f, statuses[i], "api_error",
                                "the proxy on the host cannot reach the API; it says why in the journal of claude-vm-proxy@.service");
                fputc('\n', f);
        }
}

/* Prints `-m str` or, for directories, `-m beg` words of the list. */
static void print_paths(FILE *f, const char *paths, bool directories) {
        const char *words = paths;
        size_t n;

        fprintf(f, "    acl known_path path -m %s", directories ? "beg" : "str");
        for (; (n = setting_next_word(&words)) > 0; words += n)
                if ((words[n - 1] == '/') == directories)
                        fprintf(f, " %.*s", (int) n, words);
        fputc('\n', f);
}

/* The API behind it may take `..` or an escaped slash for another path. */
static void print_limits(FILE *f, const Api *api) {
        fputs("    http-request return status 200 if { method HEAD } { path / }\n"
              "    acl known_method method GET HEAD POST OPTIONS\n"
              "    acl odd_path path -m sub .. // % ; \\\\\n",
                        f);
        print_paths(f, api->paths, false);
        print_paths(f, api->paths, true);
        fputs("    http-request return ", f);
        print_answer(f, 403, "permission_error", "the proxy on the host does not pass this path on");
        fputs(" unless known_path known_method !odd_path\n", f);
}

typedef void (*key_printer)(FILE *f, const ApiKey *key);

static void print_each_key(FILE *f, const ProxyConfig *c, key_printer print) {
        const char *words = c->keys;
        char name[64];
        size_t n;

        for (; (n = setting_next_word(&words)) > 0; words += n) {
                const ApiKey *key;

                snprintf(name, sizeof(name), "%.*s", (int) n, words);
                key = api_key_find(c->api->agent, name);
                if (key)
                        print(f, key);
        }
}

static void print_recognition(FILE *f, const ApiKey *key) {
        fprintf(f, "    http-request set-var(txn.%s) bool(true) if { req.fhdr(%s) -m str '%s%s' }\n",
                        key->secret, key->header, key->scheme, key->placeholder);
}

static void print_alternative(FILE *f, const ApiKey *key) {
        fprintf(f, "    acl has_placeholder var(txn.%s) -m bool\n", key->secret);
}

static void print_exchange(FILE *f, const ApiKey *key) {
        fprintf(f, "    http-request set-header %s '%s%%[env(%s)]' if { var(txn.%s) -m bool }\n",
                        key->header, key->scheme, key->secret, key->secret);
        if (!key->beta)
                return;
        /* one line: the API looks at no second one */
        fprintf(f,
                        "    http-request set-header anthropic-beta '%%[req.fhdr(anthropic-beta)],%s' if "
                        "{ var(txn.%s) -m bool } { req.fhdr(anthropic-beta) -m found } !{ req.hdr(anthropic-beta) -m str %s }\n"
                        "    http-request set-header anthropic-beta %s if "
                        "{ var(txn.%s) -m bool } !{ req.fhdr(anthropic-beta) -m found }\n",
                        key->beta, key->secret, key->beta, key->beta, key->secret);
}

/* Without the exact placeholder no key is added, and nothing passes: a guest with another key of its own
 * could send what it likes to an account of its own. */
static void print_keys(FILE *f, const ProxyConfig *c) {
        static const char *const headers[] = { "x-api-key", "x-goog-api-key", "authorization",
                "proxy-authorization", "cookie" };

        print_each_key(f, c, print_recognition);
        print_each_key(f, c, print_alternative);
        fputs("    http-request return ", f);
        print_answer(f, 401, "authentication_error",
                        "the request does not have the placeholder that stands for the key: use the variable that this VM begins with");
        fputs(" unless has_placeholder\n", f);
        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                fprintf(f, "    http-request del-header %s\n", headers[i]);
        print_each_key(f, c, print_exchange);
}

/* Counted is what makes the model work. The client is told not to try again. */
static void print_budget(FILE *f, const ProxyConfig *c) {
        char text[160];

        if (c->budget == 0)
                return;
        snprintf(text, sizeof(text),
                        "this VM has spent its %u requests of 24 hours (Budget= in its configuration on the host)",
                        c->budget);
        fputs("    acl counted method POST\n"
              "    acl free path -m end /count_tokens\n"
              "    http-request track-sc0 int(1) table budget if counted !free\n"
              "    http-request set-var(txn.spent) sc0_gpc0_rate(budget) if counted !free\n"
              "    http-request return ",
                        f);
        print_answer(f, 429, "rate_limit_error", text);
        fprintf(f,
                        " hdr x-should-retry false if counted !free { sc0_gpc0_rate(budget) ge %u }\n"
                        "    http-request sc-inc-gpc0(0) if counted !free\n"
                        "    http-request set-var(txn.spent) sc0_gpc0_rate(budget) if counted !free\n",
                        c->budget);
}

static void print_target(FILE *f, const ProxyConfig *c) {
        const ApiUpstream *u = &c->upstream;
        size_t n = strlen(c->api->base_path);

        fprintf(f, "    http-request set-header host %s", u->is_local ? NET_GATEWAY : u->host);
        if (u->port != (u->tls ? 443U : 80U))
                fprintf(f, ":%u", u->port);
        fputc('\n', f);
        if (strcmp(u->path, c->api->base_path) != 0)
                fprintf(f, "    http-request set-path %s%%[path,bytes(%zu)]\n", u->path, n);
        if (u->is_local || u->is_address)
                return;
        /* for each request, so that a moved API is found, and waits for a network that is not up yet */
        fprintf(f,
                        "    http-request do-resolve(txn.address,outer,ipv4) str(%s)\n"
                        "    http-request return ",
                        u->host);
        print_answer(f, 502, "api_error", "the name servers of the host do not know the address of the API");
        fputs(" unless { var(txn.address) -m found }\n"
              "    http-request set-dst var(txn.address)\n",
                        f);
}

static void print_server(FILE *f, const ApiUpstream *u) {
        const char *host = u->is_local ? NET_OUTER_HOST : u->is_address ? u->host : "0.0.0.0";

        fprintf(f, "    server api %s:%u", host, u->port);
        if (u->tls)
                fprintf(f, " ssl ca-file " PROXY_CA_PATH " sni str(%s) verifyhost %s alpn http/1.1", u->host,
                                u->host);
        fputc('\n', f);
}

static void print_api(FILE *f, const ProxyConfig *c) {
        fprintf(f,
                        "frontend api\n"
                        "    mode http\n"
                        "    bind " NET_GATEWAY ":%u\n"
                        /* an answer may think for long before its first byte */
                        "    timeout client 30m\n"
                        /* a stream goes on as it comes */
                        "    option http-no-delay\n"
                        "    log-format \"api %%ST %%U %%B %%Ta %%ts %%[var(txn.spent)]/%u %%HM %%HPO\"\n",
                        NET_API_PORT, c->budget);
        print_own_errors(f);
        print_limits(f, c->api);
        print_keys(f, c);
        print_budget(f, c);
        print_target(f, c);
        fputs("    default_backend api\n"
              "backend api\n"
              "    mode http\n"
              "    option http-no-delay\n"
              "    timeout server 30m\n",
                        f);
        print_own_errors(f);
        print_server(f, &c->upstream);
        fputs("backend budget\n"
              "    stick-table type integer size 1 expire 48h store gpc0,gpc0_rate(24h)\n",
                        f);
}

/* --- names ----------------------------------------------------------------------------- */

/* The name counts, and not the address that the guest has chosen. Each end has its word for the log. */
static void print_tls(FILE *f) {
        fprintf(f,
                        "frontend tls\n"
                        "    mode tcp\n"
                        "    bind " NET_GATEWAY ":%u\n"
                        "    timeout client 1h\n"
                        /* the guest's name has any bytes: a line end in it would begin a line of ours */
                        "    log-format \"tls %%[var(txn.verdict)] %%[dst] %%[var(txn.name),url_enc]\"\n"
                        "    tcp-request inspect-delay 5s\n"
                        "    tcp-request content set-var(txn.verdict) str(none)\n"
                        "    tcp-request content reject if !{ req.ssl_hello_type 1 }\n"
                        "    tcp-request content set-var(txn.name) req.ssl_sni,lower\n"
                        "    tcp-request content set-var(txn.dotted) str(.),concat(,txn.name)\n"
                        "    tcp-request content set-var(txn.verdict) str(name)\n"
                        "    tcp-request content reject unless { var(txn.dotted) -m end -f " PROXY_NAMES_PATH
                        " }\n"
                        "    tcp-request content set-var(txn.verdict) str(unknown)\n"
                        "    tcp-request content do-resolve(txn.address,outer,ipv4) var(txn.name)\n"
                        "    tcp-request content reject unless { var(txn.address) -m found }\n"
                        "    tcp-request content set-var(txn.verdict) str(local)\n"
                        "    tcp-request content reject if { var(txn.address) -m ip",
                        NET_TLS_PORT);
        policy_print_local_networks(f);
        fputs(" }\n"
              "    tcp-request content set-var(txn.verdict) str(allowed)\n"
              "    tcp-request content set-dst var(txn.address)\n"
              "    default_backend tls\n"
              "backend tls\n"
              "    mode tcp\n"
              "    timeout server 1h\n"
              "    server any 0.0.0.0:443\n",
                        f);
}

void proxy_config_print(FILE *f, const ProxyConfig *c) {
        print_global(f);
        if (c->api)
                print_api(f, c);
        print_tls(f);
}
