/* The lines, as dnsmasq 2.91 writes them to stderr:
 *
 *   dnsmasq[41]: started, version 2.91 cachesize 1000
 *   dnsmasq[41]: 7 10.0.2.15/40211 query[A] example.org from 10.0.2.15
 *   dnsmasq[41]: 7 10.0.2.15/40211 reply example.org is 93.184.216.34
 *   dnsmasq[41]: 7 10.0.2.15/40211 cached example.org is 93.184.216.34
 *   dnsmasq[41]: 8 10.0.2.15/40212 config evil.example is NXDOMAIN
 */

#include "helper/net/resolver-log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/printable.h"

/* The widths below are those of the buffers. */
_Static_assert(ALLOW_NAME_MAX == 253, "adapt the formats");

static ResolverWord word_of(const char *verb, const char *answer, char *ret_address) {
        struct in_addr binary;

        if (strncmp(verb, "query[", strlen("query[")) == 0)
                return RESOLVER_QUERY;
        if (strcmp(verb, "config") == 0 && strncmp(answer, "NXDOMAIN", strlen("NXDOMAIN")) == 0)
                return RESOLVER_REFUSED;
        if ((strcmp(verb, "reply") != 0 && strcmp(verb, "cached") != 0) ||
                        inet_pton(AF_INET, answer, &binary) != 1)
                return RESOLVER_OTHER;
        inet_ntop(AF_INET, &binary, ret_address, sizeof("255.255.255.255"));
        return RESOLVER_ADDRESS;
}

ResolverLine resolver_log_parse(const char *text) {
        const char *rest = strchr(text, ' ');
        ResolverLine line = {};
        char verb[16], answer[64];

        if (strncmp(text, "dnsmasq", strlen("dnsmasq")) != 0 || !rest)
                return line;
        if (!isdigit((unsigned char) rest[1])) {
                line.word = strncmp(rest, " started,", strlen(" started,")) == 0 ? RESOLVER_STARTED
                                                                                 : RESOLVER_ITSELF;
                return line;
        }
        if (sscanf(rest, " %" SCNu64 " %*s %15s %253s %*s %63s", &line.serial, verb, line.name, answer) != 4)
                return (ResolverLine) {};
        /* a word that is longer than its buffer may have been cut inside a character */
        if (printable_check(line.name))
                return (ResolverLine) {};
        line.word = word_of(verb, answer, line.address);
        return line;
}
