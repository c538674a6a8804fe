/* The lines:
 *
 *   api 200 1534 8012 2312 -- 12/200 POST /v1/messages
 *   tls name 93.184.216.34 evil.example
 *
 * A name is what the guest has sent, with %XX for each byte that no address of the web has in it.
 */

#include "helper/net/proxy-log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* The widths below are those of the buffers. */
_Static_assert(ALLOW_NAME_MAX == 253, "adapt the formats");

static const struct {
        const char *text;
        ProxyWord word;
} verdicts[] = {
        { "allowed", PROXY_NAME_ALLOWED },
        { "local", PROXY_NAME_LOCAL },
        { "unknown", PROXY_NAME_UNKNOWN },
        { "name", PROXY_NAME_REFUSED },
        { "none", PROXY_NAME_REFUSED },
};

static ProxyLine parse_tls(const char *text) {
        ProxyLine line = { .word = PROXY_NAME_REFUSED };
        char verdict[16] = "", address[64] = "";
        struct in_addr binary;

        if (sscanf(text, "tls %15s %63s %253s", verdict, address, line.name) < 2)
                return (ProxyLine) {};
        if (strcmp(line.name, "-") == 0)
                line.name[0] = '\0';
        if (inet_pton(AF_INET, address, &binary) == 1)
                inet_ntop(AF_INET, &binary, line.address, sizeof(line.address));
        for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++)
                if (strcmp(verdicts[i].text, verdict) == 0)
                        line.word = verdicts[i].word;
        return line;
}

ProxyLine proxy_log_parse(const char *text) {
        ProxyLine line = { .word = PROXY_API };
        char budget[24];

        if (strncmp(text, "tls ", strlen("tls ")) == 0)
                return parse_tls(text);
        if (sscanf(text, "api %u %llu %llu %llu %*s %23s %15s %511s", &line.status, &line.sent,
                            &line.received, &line.msec, budget, line.method, line.path) != 7)
                return (ProxyLine) {};
        /* `-` for a request that does not count */
        line.counts = sscanf(budget, "%u/%u", &line.spent, &line.budget) == 2;
        return line;
}

void api_totals_add(ApiTotals *t, const ProxyLine *line) {
        t->requests++;
        t->errors += line->status >= 400;
        t->sent += line->sent;
        t->received += line->received;
        if (!line->counts)
                return;
        t->spent = line->spent;
        t->budget = line->budget;
}
