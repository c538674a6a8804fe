#include "generator/api-proxy.h"

#include <string.h>

bool api_proxy_keeps(const Project *p, const char *secret) {
        return p->api && api_key_find(p->api->agent, secret);
}

bool api_proxy_replaces(const Project *p, const char *variable) {
        return p->api && strcmp(variable, p->api->base_variable) == 0;
}

static bool has_key(const Project *p, const Api *api) {
        const char *secret;

        for (size_t i = 0; (secret = project_secret(p, i)); i++)
                if (api_key_find(api->agent, secret))
                        return true;
        return false;
}

/* It is on without a word where there is a key to keep. */
static const Api *choose(Parser *parser) {
        Project *p = parser->project;
        const char *agent = setting_value(p->values, SETTING_AGENT);
        const Api *api = api_find(agent);

        if (setting_is(p->values, SETTING_API_PROXY, "no"))
                return NULL;
        if (api && has_key(p, api))
                return api;
        parser->line = p->lines[SETTING_API_PROXY];
        if (setting_is(p->values, SETTING_API_PROXY, "yes"))
                refuse(parser, "ApiProxy=yes: no key of the agent '%s' is in [Credentials] or [EncryptedCredentials]: name its file there, or remove the line",
                                agent);
        return NULL;
}

static void read_upstream(Parser *parser) {
        Project *p = parser->project;
        char why[API_WHY_MAX];

        api_upstream_default(p->api, &p->upstream);
        for (size_t i = 0; i < p->environment.n; i++) {
                const Assignment *a = &p->environment.items[i];

                if (!api_proxy_replaces(p, a->name))
                        continue;
                parser->line = a->line;
                if (api_upstream_parse(a->value, &p->upstream, why) < 0)
                        refuse(parser, "%s=%s: %s", a->name, a->value, why);
                else if (!p->upstream.tls && !p->upstream.is_local)
                        messages_warning(&p->messages, a->line,
                                        "%s=%s: the API key goes there without encryption: use https://",
                                        a->name, a->value);
        }
}

void api_proxy_complete(Parser *parser) {
        Project *p = parser->project;

        p->api = choose(parser);
        if (p->api)
                read_upstream(parser);
        else if (setting_number(p->values, SETTING_BUDGET) > 0) {
                parser->line = p->lines[SETTING_BUDGET];
                refuse(parser, "Budget=%s: only the API proxy counts requests, and this VM has none: see ApiProxy= in claude-vm.ini(5), or %s%s",
                                p->values[SETTING_BUDGET],
                                PLACE_FILE(parser->line) > 0 ? "write Budget=0 into " : "remove the line",
                                PLACE_FILE(parser->line) > 0 ? p->path : "");
        }
}
