/* The lines, as dnsmasq 2.91 writes them to stderr:
 *
 *   dnsmasq[41]: started, version 2.91 cachesize 1000
 *   dnsmasq[41]: 7 10.0.2.15/40211 query[A] example.org from 10.0.2.15
 *   dnsmasq[41]: 7 10.0.2.15/40211 reply example.org is 93.184.216.34
 *   dnsmasq[41]: 7 10.0.2.15/40211 cached example.org is 93.184.216.34
 *   dnsmasq[41]: 8 10.0.2.15/40212 config evil.example is NXDOMAIN
 *
 * A name is a guest's or a name server's to choose, and may have blanks: `api.example is 6.6.6.6 x.example`
 * is one. So a line counts only if it has these words and no more, and its name is a host name. */

#include "helper/net/resolver-log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512U /* longer than all that count */

enum { WORD_PROGRAM, WORD_SERIAL, WORD_CLIENT, WORD_VERB, WORD_NAME, WORD_LINK, WORD_ANSWER, N_WORDS };

/* Cuts at each blank. False if there are more or fewer words, or an empty one. */
static bool split(char *text, char *ret[static N_WORDS]) {
        for (unsigned i = 0; i < N_WORDS; i++) {
                ret[i] = strsep(&text, " ");
                if (!ret[i] || !*ret[i])
                        return false;
        }
        return !text;
}

static bool take_serial(const char *word, uint64_t *ret) {
        char *end;

        *ret = strtoull(word, &end, 10);
        return !*end;
}

static bool take_name(const char *word, char ret[static ALLOW_NAME_MAX + 1]) {
        size_t n = strlen(word);

        if (n > ALLOW_NAME_MAX)
                return false;
        for (size_t i = 0; i <= n; i++)
                ret[i] = (char) tolower((unsigned char) word[i]);
        return allow_name_is_valid(ret);
}

/* Of the types that a guest asks for, A alone: the text of another record may look like an address. */
static ResolverWord word_of(char *const words[static N_WORDS], char *ret_address) {
        const char *verb = words[WORD_VERB], *answer = words[WORD_ANSWER];
        struct in_addr binary;

        if (strcmp(verb, "query[A]") == 0)
                return strcmp(words[WORD_LINK], "from") == 0 ? RESOLVER_QUERY : RESOLVER_OTHER;
        if (strcmp(words[WORD_LINK], "is") != 0)
                return RESOLVER_OTHER;
        if (strcmp(verb, "config") == 0)
                return strcmp(answer, "NXDOMAIN") == 0 ? RESOLVER_REFUSED : RESOLVER_OTHER;
        if ((strcmp(verb, "reply") != 0 && strcmp(verb, "cached") != 0) ||
                        inet_pton(AF_INET, answer, &binary) != 1)
                return RESOLVER_OTHER;
        inet_ntop(AF_INET, &binary, ret_address, sizeof("255.255.255.255"));
        return RESOLVER_ADDRESS;
}

ResolverLine resolver_log_parse(const char *text) {
        const char *rest = strchr(text, ' ');
        ResolverLine line = {};
        char copy[LINE_SIZE], *words[N_WORDS];

        if (strncmp(text, "dnsmasq", strlen("dnsmasq")) != 0 || !rest)
                return line;
        if (!isdigit((unsigned char) rest[1])) {
                line.word = strncmp(rest, " started,", strlen(" started,")) == 0 ? RESOLVER_STARTED
                                                                                 : RESOLVER_ITSELF;
                return line;
        }
        if (strlen(text) >= sizeof(copy))
                return line;
        strcpy(copy, text);
        if (!split(copy, words) || !take_serial(words[WORD_SERIAL], &line.serial) ||
                        !take_name(words[WORD_NAME], line.name))
                return (ResolverLine) {};
        line.word = word_of(words, line.address);
        return line;
}
