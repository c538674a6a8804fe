#include "common/api.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/allow-rule.h"

#define SAYS "claude-microvm-placeholder-the-key-is-on-the-host"

static const Api apis[] = {
        { "claude", "ANTHROPIC_BASE_URL", "", "api.anthropic.com",
                        "/v1/messages /v1/messages/count_tokens /v1/models /v1/models/" },
        { "gemini", "GOOGLE_GEMINI_BASE_URL", "", "generativelanguage.googleapis.com",
                        "/v1beta/models /v1beta/models/ /v1/models /v1/models/" },
        { "codex", "OPENAI_BASE_URL", "/v1", "api.openai.com",
                        "/v1/responses /v1/responses/compact /v1/chat/completions /v1/models /v1/models/" },
};

/* A placeholder is of the key's kind, because agents choose by it what they may ask for. */
const ApiKey api_keys[] = {
        { "claude", "ANTHROPIC_API_KEY", "sk-ant-api03-" SAYS, "x-api-key", "", NULL },
        { "claude", "ANTHROPIC_AUTH_TOKEN", "token-" SAYS, "authorization", "Bearer ", NULL },
        { "claude", "CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-" SAYS, "authorization", "Bearer ",
                        "oauth-2025-04-20" },
        { "gemini", "GEMINI_API_KEY", "AIza-" SAYS, "x-goog-api-key", "", NULL },
        { "codex", "OPENAI_API_KEY", "sk-" SAYS, "authorization", "Bearer ", NULL },
        { "codex", "CODEX_API_KEY", "sk-codex-" SAYS, "authorization", "Bearer ", NULL },
        {},
};

const Api *api_find(const char *agent) {
        for (size_t i = 0; i < sizeof(apis) / sizeof(*apis); i++)
                if (strcmp(apis[i].agent, agent) == 0)
                        return &apis[i];
        return NULL;
}

const ApiKey *api_key_find(const char *agent, const char *secret) {
        for (const ApiKey *key = api_keys; key->agent; key++)
                if (strcmp(key->agent, agent) == 0 && strcmp(key->secret, secret) == 0)
                        return key;
        return NULL;
}

/* --- addresses ------------------------------------------------------------------------- */

static int refuse(const char *what, char *ret_why) {
        snprintf(ret_why, API_WHY_MAX,
                        "must be http[s]://HOST[:PORT][/PATH] for the API proxy (ApiProxy=no goes without it): %s",
                        what);
        return -EINVAL;
}

static int parse_scheme(const char **url, ApiUpstream *u) {
        u->tls = strncmp(*url, "https://", strlen("https://")) == 0;
        if (!u->tls && strncmp(*url, "http://", strlen("http://")) != 0)
                return -EINVAL;
        *url += u->tls ? strlen("https://") : strlen("http://");
        u->port = u->tls ? 443 : 80;
        return 0;
}

/* This machine's loopback, as the guest or the host calls it. */
static bool is_local(const char *host) {
        return strcmp(host, API_ADDRESS) == 0 || strcmp(host, "host") == 0 ||
                        strcasecmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0;
}

/* The rules of Allow= say what a host name is. */
static int parse_host(const char *text, size_t n, ApiUpstream *u) {
        char why[ALLOW_WHY_MAX];
        struct in_addr address;
        AllowRule rule;

        if (n == 0 || n >= sizeof(u->host))
                return -EINVAL;
        memcpy(u->host, text, n);
        u->host[n] = '\0';
        u->is_local = is_local(u->host);
        u->is_address = inet_pton(AF_INET, u->host, &address) == 1;
        if (u->is_local || u->is_address)
                return 0;
        return strpbrk(u->host, "@*:/") || allow_rule_parse(u->host, &rule, why) < 0 ||
                                        rule.kind != ALLOW_NAME
                        ? -EINVAL
                        : 0;
}

static int parse_port(const char **rest, ApiUpstream *u) {
        char *end;
        unsigned long port;

        if (**rest != ':')
                return 0;
        if (!isdigit((unsigned char) (*rest)[1]))
                return -EINVAL;
        port = strtoul(*rest + 1, &end, 10);
        if (port < 1 || port > 65535)
                return -EINVAL;
        u->port = (unsigned) port;
        *rest = end;
        return 0;
}

/* It ends up in haproxy's configuration. */
static int parse_path(const char *rest, ApiUpstream *u) {
        size_t n = strlen(rest);

        if (*rest && *rest != '/')
                return -EINVAL;
        while (n > 0 && rest[n - 1] == '/')
                n--;
        if (n >= sizeof(u->path) || strstr(rest, "..") ||
                        strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._~-") <
                                        n)
                return -EINVAL;
        memcpy(u->path, rest, n);
        u->path[n] = '\0';
        return 0;
}

int api_upstream_parse(const char *url, ApiUpstream *ret, char ret_why[static API_WHY_MAX]) {
        ApiUpstream u = {};
        size_t n;

        if (parse_scheme(&url, &u) < 0)
                return refuse("it begins otherwise", ret_why);
        n = strcspn(url, ":/");
        if (parse_host(url, n, &u) < 0)
                return refuse("there is no host name or IPv4 address", ret_why);
        if (u.is_address && !u.is_local && strncmp(u.host, "127.", 4) == 0)
                return refuse("of this machine's loopback only 127.0.0.1 can be reached, by the name host",
                                ret_why);
        url += n;
        if (parse_port(&url, &u) < 0)
                return refuse("the port is not a number from 1 to 65535", ret_why);
        if (parse_path(url, &u) < 0)
                return refuse("the path has other characters than letters, digits and /._~-", ret_why);
        if (u.is_local && u.port == API_PORT && strcmp(u.host, API_ADDRESS) == 0)
                return refuse("that is the address of the proxy itself", ret_why);
        *ret = u;
        return 0;
}

void api_upstream_default(const Api *api, ApiUpstream *ret) {
        *ret = (ApiUpstream) { .tls = true, .port = 443 };
        snprintf(ret->host, sizeof(ret->host), "%s", api->host);
        snprintf(ret->path, sizeof(ret->path), "%s", api->base_path);
}

void api_upstream_print(const ApiUpstream *u, char ret[static API_URL_MAX]) {
        snprintf(ret, API_URL_MAX, "%s://%s:%u%s", u->tls ? "https" : "http", u->host, u->port, u->path);
}

void api_print_guest_url(const Api *api, char ret[static API_URL_MAX]) {
        snprintf(ret, API_URL_MAX, "http://" API_ADDRESS ":%u%s", API_PORT, api->base_path);
}
