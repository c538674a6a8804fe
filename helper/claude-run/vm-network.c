#include "helper/claude-run/vm-network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/json.h"
#include "helper/net/client.h"

int vm_network_ask(const Context *c, const char *id, const char *words, sd_json_variant **ret) {
        _cleanup_free_ char *text = NULL;
        int r = net_request_text(c->runtime_dir, id, words, &text);

        return r < 0 ? r : sd_json_parse(text, 0, ret, NULL, NULL);
}

const char *vm_network_text(sd_json_variant *object, const char *key) {
        sd_json_variant *v = sd_json_variant_by_key(object, key);

        return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";
}

uint64_t vm_network_number(sd_json_variant *object, const char *key) {
        sd_json_variant *v = sd_json_variant_by_key(object, key);

        return v && sd_json_variant_is_unsigned(v) ? sd_json_variant_unsigned(v) : 0;
}

char *vm_network_describe_api(sd_json_variant *api) {
        uint64_t budget = vm_network_number(api, "budget"), errors = vm_network_number(api, "errors");
        char failed[64] = "", spent[96] = "";
        char *text;

        if (errors > 0)
                snprintf(failed, sizeof(failed), ", %" PRIu64 " of them answered with an error", errors);
        if (budget > 0)
                snprintf(spent, sizeof(spent), ", %" PRIu64 " of Budget=%" PRIu64 " spent",
                                vm_network_number(api, "spent"), budget);
        memory_need(asprintf(&text, "%" PRIu64 " requests%s%s", vm_network_number(api, "requests"), failed,
                                    spent) >= 0);
        return text;
}

/* --- warnings -------------------------------------------------------------------------- */

typedef struct Part {
        const char *unit, *closes;
        bool (*is_needed)(sd_json_variant *network);
} Part;

static bool has_way_out(sd_json_variant *network) {
        return strcmp(vm_network_text(network, "mode"), "none") != 0;
}

static bool has_api(sd_json_variant *network) {
        return sd_json_variant_by_key(network, "api") != NULL;
}

static void print_warning(Context *c, const char *id, const Part *part) {
        _cleanup_free_ char *unit = NEED(strjoin(part->unit, "@", id, ".service", NULL)), *state = NULL;

        if (manager_active_state(c->manager, unit, &state) >= 0 && strcmp(state, "active") != 0)
                say_line(stdout, "warning   %s is %s, so %s; see: systemctl --user status %s", unit, state,
                                part->closes, unit);
}

void vm_network_print_warnings(Context *c, const char *id, sd_json_variant *network) {
        static const Part parts[] = {
                { "claude-vm-pasta", "nothing gets out", has_way_out },
                { "claude-vm-dns", "there are no names", has_way_out },
                { "claude-vm-proxy", "the agent does not reach its API", has_api },
        };

        if (context_manager(c) != 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (parts[i].is_needed(network))
                        print_warning(c, id, &parts[i]);
}

/* --- one line -------------------------------------------------------------------------- */

/* The last that was refused, or "". */
static char *describe_refused(sd_json_variant *refused) {
        sd_json_variant *last;
        const char *name;
        char *text;

        if (sd_json_variant_elements(refused) == 0)
                return NEED(strdup(""));
        last = sd_json_variant_by_index(refused, 0);
        name = vm_network_text(last, "name");
        memory_need(asprintf(&text, ", %zu refused (last %s)", sd_json_variant_elements(refused),
                                    name[0] ? name : vm_network_text(last, "address")) >= 0);
        return text;
}

void vm_network_print_line(Context *c, const char *id) {
        _cleanup_json_ sd_json_variant *v = NULL;
        _cleanup_free_ char *api = NULL, *refused = NULL;

        if (vm_network_ask(c, id, "show", &v) < 0)
                return;
        refused = describe_refused(sd_json_variant_by_key(v, "refused"));
        if (has_api(v))
                api = vm_network_describe_api(sd_json_variant_by_key(v, "api"));
        say_line(stdout, "network   %s, %zu rules%s%s%s; more: claude-run network %s",
                        vm_network_text(v, "mode"),
                        sd_json_variant_elements(sd_json_variant_by_key(v, "rules")), refused,
                        api ? "; API: " : "", api ?: "", id);
        vm_network_print_warnings(c, id, v);
}

int vm_network_build_summary(const Context *c, const char *id, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *v = NULL;
        sd_json_variant *api;
        int r = vm_network_ask(c, id, "show", &v);

        if (r < 0)
                return r == -ENOENT || r == -ECONNREFUSED ? 0 : r;
        api = sd_json_variant_by_key(v, "api");
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("mode", vm_network_text(v, "mode")),
                        SD_JSON_BUILD_PAIR_UNSIGNED("rules",
                                        sd_json_variant_elements(sd_json_variant_by_key(v, "rules"))),
                        SD_JSON_BUILD_PAIR_UNSIGNED("refused",
                                        sd_json_variant_elements(sd_json_variant_by_key(v, "refused"))),
                        SD_JSON_BUILD_PAIR_CONDITION(api != NULL, "api", SD_JSON_BUILD_VARIANT(api)));
}
