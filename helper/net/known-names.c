#include "helper/net/known-names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void known_names_done(KnownNames *k) {
        free(k->items);
        k->items = NULL;
        k->n = 0;
}

static void remember_query(KnownNames *k, const ResolverLine *line) {
        KnownQuery *query = &k->queries[k->next_query++ % KNOWN_QUERIES_MAX];

        query->serial = line->serial;
        strcpy(query->name, line->name);
}

/* The name that the guest asked for; an answer names the last one of its aliases. NULL: no address was asked
 * for, or so many others since that it is forgotten. */
static const char *name_of_query(const KnownNames *k, const ResolverLine *line) {
        for (size_t i = 0; i < KNOWN_QUERIES_MAX; i++)
                if (k->queries[i].name[0] && k->queries[i].serial == line->serial)
                        return k->queries[i].name;
        return NULL;
}

static bool is_known(const KnownNames *k, const char *name, const char *address) {
        for (size_t i = 0; i < k->n; i++)
                if (strcmp(k->items[i].address, address) == 0 && strcmp(k->items[i].name, name) == 0)
                        return true;
        return false;
}

static int remember(KnownNames *k, const char *name, const char *address) {
        KnownName *item;

        if (is_known(k, name, address))
                return 0;
        if (!k->items && !(k->items = calloc(KNOWN_NAMES_MAX, sizeof(KnownName))))
                return -ENOMEM;
        item = &k->items[k->next++ % KNOWN_NAMES_MAX];
        strcpy(item->name, name);
        strcpy(item->address, address);
        if (k->n < KNOWN_NAMES_MAX)
                k->n++;
        return 0;
}

/* A dnsmasq that is started again counts its queries from 1: the numbers of the earlier one mean other
 * names. */
static void forget_queries(KnownNames *k) {
        memset(k->queries, 0, sizeof(k->queries));
}

int known_names_take(KnownNames *k, const ResolverLine *line) {
        const char *name;

        if (line->word == RESOLVER_STARTED)
                forget_queries(k);
        if (line->word == RESOLVER_QUERY)
                remember_query(k, line);
        name = line->word == RESOLVER_ADDRESS ? name_of_query(k, line) : NULL;
        return name ? remember(k, name, line->address) : 0;
}

const char *known_names_find(const KnownNames *k, const char *address) {
        for (size_t i = 0; i < k->n; i++) {
                /* the latest first */
                const KnownName *item = &k->items[(k->next - 1 - i) % KNOWN_NAMES_MAX];

                if (strcmp(item->address, address) == 0)
                        return item->name;
        }
        return "";
}

int known_names_allowed(const KnownNames *k, const Policy *p, PolicyAddress **ret) {
        PolicyAddress *list = calloc(k->n + 1, sizeof(PolicyAddress));
        int n = 0;

        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < k->n; i++)
                if (policy_allows_name(p, k->items[i].name))
                        list[n++] = (PolicyAddress) { k->items[i].name, k->items[i].address };
        *ret = list;
        return n;
}
