#include "helper/net/verdicts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/usec.h"
#include "helper/json.h"
#include "helper/log.h"
#include "helper/net/addresses.h"

void verdicts_done(Verdicts *v) {
        free(v->items);
        v->items = NULL;
        v->n = 0;
}

static bool is_same(const Verdict *a, const Verdict *b) {
        return a->refused == b->refused && a->port == b->port && a->protocol == b->protocol &&
                        strcmp(a->address, b->address) == 0 && strcmp(a->name, b->name) == 0;
}

static Verdict *find(const Verdicts *v, const Verdict *verdict) {
        for (size_t i = 0; i < v->n; i++)
                if (is_same(&v->items[i], verdict))
                        return &v->items[i];
        return NULL;
}

static Verdict *make_room(Verdicts *v) {
        Verdict *oldest = v->items;

        if (v->n < VERDICTS_MAX)
                return &v->items[v->n++];
        for (size_t i = 1; i < v->n; i++)
                if (v->items[i].last_usec < oldest->last_usec)
                        oldest = &v->items[i];
        return oldest;
}

/* At the gateway is this machine, with the guest's eyes. */
static bool is_gateway(const Verdict *verdict) {
        return strcmp(verdict->address, NET_GATEWAY) == 0;
}

/* The name is the guest's: one that looks like a list or a network must not be offered as that. */
static int parse_target(const Verdict *verdict, AllowRule *ret) {
        bool by_name = verdict->name[0] && !verdict->by_address;
        char why[ALLOW_WHY_MAX];
        int r = allow_rule_parse(by_name ? verdict->name : verdict->address, ret, why);

        return r < 0 ? r : ret->kind == (by_name ? ALLOW_NAME : ALLOW_NETWORK) ? 0 : -EINVAL;
}

bool verdict_remedy(const Verdict *verdict, char ret[static ALLOW_TEXT_MAX]) {
        AllowRule rule = { .port = verdict->port };

        if (is_gateway(verdict)) {
                rule.kind = ALLOW_HOST;
                if (verdict->port == 0)
                        return false;
        } else if (parse_target(verdict, &rule) < 0)
                return false;
        rule.port = verdict->port;
        allow_rule_print(&rule, ret);
        return true;
}

static void print_target(const Verdict *verdict, char *ret, size_t size) {
        const char *name = is_gateway(verdict) ? "the host" : verdict->name;

        if (!verdict->address[0])
                snprintf(ret, size, "the name %s", name);
        else if (verdict->port > 0)
                snprintf(ret, size, "%s%s%s, %s port %u", name, name[0] ? " at " : "", verdict->address,
                                packet_protocol_name(verdict->protocol), verdict->port);
        else
                snprintf(ret, size, "%s%s%s, %s", name, name[0] ? " at " : "", verdict->address,
                                packet_protocol_name(verdict->protocol));
}

static void log_verdict(const Verdict *verdict) {
        char target[ALLOW_NAME_MAX + 64], remedy[ALLOW_TEXT_MAX], line[2 * ALLOW_NAME_MAX + 128];

        print_target(verdict, target, sizeof(target));
        if (verdict->refused && verdict_remedy(verdict, remedy))
                snprintf(line, sizeof(line), "Refused the guest %s; to allow it: Allow=%s", target, remedy);
        else
                snprintf(line, sizeof(line), "%s the guest %s", verdict->refused ? "Refused" : "Allowed",
                                target);
        log_network(&(LogNetwork) {
                        .verdict = verdict->refused ? "refused" : "allowed",
                        .name = verdict->name,
                        .address = verdict->address,
                        .protocol = verdict->address[0] ? packet_protocol_name(verdict->protocol) : "",
                        .port = verdict->port,
                        .line = line,
        });
}

int verdicts_take(Verdicts *v, const Verdict *verdict) {
        Verdict *item;
        unsigned left_out;

        if (!v->items && !(v->items = calloc(VERDICTS_MAX, sizeof(Verdict))))
                return -ENOMEM;
        item = find(v, verdict);
        if (!item) {
                item = make_room(v);
                *item = *verdict;
                item->count = 0;
                if (line_limit_pass(&v->limit, usec_now(CLOCK_MONOTONIC), &left_out)) {
                        if (left_out > 0)
                                log_message(LOG_NOTICE, "%u verdicts on the guest's network were not logged",
                                                left_out);
                        log_verdict(item);
                }
        }
        item->count++;
        item->last_usec = usec_now(CLOCK_REALTIME);
        return 0;
}

static int compare_times(const void *a, const void *b) {
        const Verdict *x = *(const Verdict *const *) a, *y = *(const Verdict *const *) b;

        return x->last_usec < y->last_usec ? 1 : x->last_usec > y->last_usec ? -1 : 0;
}

static int build_one(const Verdict *verdict, sd_json_variant **ret) {
        char remedy[ALLOW_TEXT_MAX];
        bool has_remedy = verdict_remedy(verdict, remedy);

        return sd_json_buildo(ret,
                        SD_JSON_BUILD_PAIR_CONDITION(verdict->name[0] != '\0', "name",
                                        SD_JSON_BUILD_STRING(verdict->name)),
                        SD_JSON_BUILD_PAIR_CONDITION(verdict->address[0] != '\0', "address",
                                        SD_JSON_BUILD_STRING(verdict->address)),
                        SD_JSON_BUILD_PAIR_CONDITION(verdict->address[0] != '\0', "protocol",
                                        SD_JSON_BUILD_STRING(packet_protocol_name(verdict->protocol))),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        verdict->port > 0, "port", SD_JSON_BUILD_UNSIGNED(verdict->port)),
                        SD_JSON_BUILD_PAIR("count", SD_JSON_BUILD_UNSIGNED(verdict->count)),
                        SD_JSON_BUILD_PAIR("lastUSec", SD_JSON_BUILD_UNSIGNED(verdict->last_usec)),
                        SD_JSON_BUILD_PAIR_CONDITION(has_remedy, "allow", SD_JSON_BUILD_STRING(remedy)));
}

int verdicts_build(const Verdicts *v, sd_json_variant **ret) {
        _cleanup_free_ const Verdict **sorted = calloc(v->n + 1, sizeof(Verdict *));
        _cleanup_json_ sd_json_variant *array = NULL;
        size_t n = 0;
        int r = sorted ? sd_json_variant_new_array(&array, NULL, 0) : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < v->n; i++)
                if (v->items[i].refused)
                        sorted[n++] = &v->items[i];
        if (n > 1)
                qsort(sorted, n, sizeof(*sorted), compare_times);
        for (size_t i = 0; r >= 0 && i < n && i < VERDICTS_MAX; i++) {
                _cleanup_json_ sd_json_variant *one = NULL;

                r = build_one(sorted[i], &one);
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, one);
        }
        if (r >= 0)
                *ret = TAKE_PTR(array);
        return r;
}
