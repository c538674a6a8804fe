/* What the network's holder reads of a guest: heads of packets, and names in dnsmasq's log. Whatever they
 * are, what it offers to allow is a word that Allow= takes, and a list says the same. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api.h"
#include "helper/guest-lines.h"
#include "helper/net/known-names.h"
#include "helper/net/packet-log.h"
#include "helper/net/proxy-log.h"
#include "helper/net/verdicts.h"
#include "tests/fuzz/text.h"

static KnownNames names;
static Verdicts verdicts;

static void check_remedy(const Verdict *verdict) {
        char word[ALLOW_TEXT_MAX], again[ALLOW_TEXT_MAX], why[ALLOW_WHY_MAX];
        AllowRule rule;

        if (!verdict_remedy(verdict, word))
                return;
        if (allow_rule_parse(word, &rule, why) < 0)
                abort();
        allow_rule_print(&rule, again);
        if (strcmp(word, again) != 0 || strpbrk(word, " \t\n{};,#\"'\\"))
                abort();
}

static void on_packet(void *userdata, bool refused, const Packet *packet) {
        Verdict verdict = { .refused = refused, .protocol = packet->protocol, .port = packet->port };

        if (packet->port > 65535)
                abort();
        snprintf(verdict.address, sizeof(verdict.address), "%s", packet->address);
        snprintf(verdict.name, sizeof(verdict.name), "%s", known_names_find(&names, packet->address));
        check_remedy(&verdict);
        if (verdicts_take(&verdicts, &verdict) < 0)
                abort();
}

static void on_line(void *userdata, const char *text) {
        ResolverLine line = resolver_log_parse(text);
        Verdict verdict = { .refused = true };

        if (known_names_take(&names, &line) < 0 || strlen(line.name) > ALLOW_NAME_MAX)
                abort();
        if (line.name[0] && !allow_name_is_valid(line.name))
                abort();
        snprintf(verdict.name, sizeof(verdict.name), "%s", line.name);
        check_remedy(&verdict);
        if (line.word == RESOLVER_REFUSED && verdicts_take(&verdicts, &verdict) < 0)
                abort();
}

static void on_proxy_line(void *userdata, const char *text) {
        ProxyLine line = proxy_log_parse(text);
        Verdict verdict = { .refused = true, .protocol = 6, .port = 443 };

        if (strlen(line.name) > ALLOW_NAME_MAX || strlen(line.path) >= sizeof(line.path))
                abort();
        snprintf(verdict.name, sizeof(verdict.name), "%s", line.name);
        snprintf(verdict.address, sizeof(verdict.address), "%s", line.address);
        check_remedy(&verdict);
}

/* An address that passes is one that haproxy's configuration may have in it. */
static void check_upstream(const char *text) {
        char url[API_URL_MAX], again[API_URL_MAX], why[API_WHY_MAX];
        ApiUpstream u;

        if (api_upstream_parse(text, &u, why) < 0)
                return;
        api_upstream_print(&u, url);
        if (strpbrk(url, " \t\n'\"\\$%#{}") || api_upstream_parse(url, &u, why) < 0)
                abort();
        api_upstream_print(&u, again);
        if (strcmp(url, again) != 0)
                abort();
}

static void check_rule(const char *text) {
        char word[ALLOW_TEXT_MAX], why[ALLOW_WHY_MAX];
        AllowRule rule, again;

        if (allow_rule_parse(text, &rule, why) < 0)
                return;
        allow_rule_print(&rule, word);
        if (allow_rule_parse(word, &again, why) < 0 ||
                        memcmp(&rule.address, &again.address, sizeof(rule.address)) != 0 ||
                        strcmp(rule.name, again.name) != 0 || rule.port != again.port ||
                        strpbrk(word, " \t\n{};,#\"'\\"))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        GuestLines lines = { .handler = on_line }, proxy_lines = { .handler = on_proxy_line };
        Packet packet;
        char *text;

        static FILE *nowhere;

        /* not the descriptor: a report of libFuzzer's is to be seen */
        if (!nowhere)
                nowhere = stderr = fopen("/dev/null", "we");
        if (!nowhere)
                abort();
        packet_log_parse(data, size, on_packet, NULL);
        if (packet_parse(data, size, &packet) >= 0)
                on_packet(NULL, true, &packet);
        guest_lines_feed(&lines, (const char *) data, size);
        guest_lines_end(&lines);
        guest_lines_feed(&proxy_lines, (const char *) data, size);
        guest_lines_end(&proxy_lines);
        text = text_of(data, size);
        if (text) {
                check_rule(text);
                check_upstream(text);
        }
        free(text);
        return 0;
}
