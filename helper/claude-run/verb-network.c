/* `claude-run network`: what a running VM may reach. The VM's network holder answers, see helper/net. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/config-edit.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/local-time.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/vm-network.h"
#include "helper/claude-run/which-vm.h"
#include "helper/host/unit-needs.h"
#include "helper/json.h"
#include "helper/net/allow-list.h"

static int ask(Context *c, const char *id, const char *words, sd_json_variant **ret) {
        int r = vm_network_ask(c, id, words, ret);

        if (r == -ENOENT || r == -ECONNREFUSED)
                return fail(EXIT_FAILURE,
                                "VM '%s' is not running; what it will be able to reach: claude-run config show %s",
                                id, id);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to ask the network of '%s': %s", id, strerror(-r)) : 0;
}

/* --- show ------------------------------------------------------------------------------ */

static const char *explain_mode(const char *mode) {
        static const char *const modes[][2] = {
                { "internet", "public addresses; not this machine, not its local networks" },
                { "allow", "what the rules allow, and nothing else" },
                { "none", "nothing" },
                { "open", "all but this machine itself; its local networks, too" },
        };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (strcmp(modes[i][0], mode) == 0)
                        return modes[i][1];
        return "";
}

static void print_rules(sd_json_variant *rules) {
        for (size_t i = 0; i < sd_json_variant_elements(rules); i++) {
                sd_json_variant *rule = sd_json_variant_by_index(rules, i);
                const char *list = vm_network_text(rule, "list");
                bool added = sd_json_variant_boolean(sd_json_variant_by_key(rule, "added"));

                say_line(stdout, "allow     %-44s %s%s%s", vm_network_text(rule, "allow"),
                                added ? "added since the start" : "from the ini", list[0] ? ", @" : "",
                                list);
        }
}

static void print_traffic(const char *word, sd_json_variant *traffic) {
        say_line(stdout, "%-9s %" PRIu64 " packets, %" PRIu64 " bytes", word,
                        vm_network_number(traffic, "packets"), vm_network_number(traffic, "bytes"));
}

static void print_api(sd_json_variant *api) {
        _cleanup_free_ char *text = api ? vm_network_describe_api(api) : NULL;

        if (text)
                say_line(stdout, "api       %s, %" PRIu64 " bytes sent, %" PRIu64 " received", text,
                                vm_network_number(api, "sentBytes"),
                                vm_network_number(api, "receivedBytes"));
}

static void print_refusal(sd_json_variant *refusal) {
        const char *name = vm_network_text(refusal, "name"), *address = vm_network_text(refusal, "address"),
                   *allow = vm_network_text(refusal, "allow");
        char target[512], clock[LOCAL_TIME_MAX];

        local_time_print(vm_network_number(refusal, "lastUSec"), LOCAL_CLOCK, clock);
        snprintf(target, sizeof(target), "%s%s%s", name, name[0] && address[0] ? " " : "", address);
        if (vm_network_number(refusal, "port") > 0)
                snprintf(target + strlen(target), sizeof(target) - strlen(target), " %s %" PRIu64,
                                vm_network_text(refusal, "protocol"), vm_network_number(refusal, "port"));
        say_line(stdout, "  %-8s %5" PRIu64 "x  %-44s %s%s", clock, vm_network_number(refusal, "count"),
                        target, allow[0] ? "network allow " : "", allow);
}

static int print_network(Context *c, const char *id, sd_json_variant *v) {
        sd_json_variant *refused = sd_json_variant_by_key(v, "refused");
        const char *mode = vm_network_text(v, "mode");
        size_t n = sd_json_variant_elements(refused);

        say_line(stdout, "mode      %s: %s", mode, explain_mode(mode));
        vm_network_print_warnings(c, id, v);
        print_rules(sd_json_variant_by_key(v, "rules"));
        print_traffic("passed", sd_json_variant_by_key(v, "allowedTraffic"));
        print_traffic("refused", sd_json_variant_by_key(v, "refusedTraffic"));
        print_api(sd_json_variant_by_key(v, "api"));
        for (size_t i = 0; i < n && i < 20; i++)
                print_refusal(sd_json_variant_by_index(refused, i));
        if (n > 20)
                say_line(stdout, "  … and %zu more; all of them: claude-run logs %s --only-network", n - 20,
                                id);
        return 0;
}

static int show(Context *c, const char *id) {
        _cleanup_json_ sd_json_variant *v = NULL;
        int r = ask(c, id, "show", &v);

        if (r != 0)
                return r;
        if (!c->options->json)
                return print_network(c, id, v);
        r = sd_json_variant_dump(v, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to print: %s", strerror(-r)) : 0;
}

/* --- change ---------------------------------------------------------------------------- */

/* The words with lists taken apart, as the holder reads them: it has no files to look a list up in. */
static int compose(const char *action, char *const *words, char **ret) {
        _cleanup_free_ char *config_home = NEED(path_xdg("XDG_CONFIG_HOME", "/.config")), *why = NULL;
        _cleanup_(policy_done) Policy policy = {};
        size_t size;
        FILE *f;

        for (; *words; words++)
                if (allow_list_add_word(&policy, *words, config_home, true, &why) < 0)
                        return fail(EXIT_USAGE, "%s", why ?: "no memory");
        f = NEED(open_memstream(ret, &size));
        fprintf(f, "%s", action);
        for (size_t i = 0; i < policy.n_rules; i++) {
                char text[ALLOW_TEXT_MAX];

                allow_rule_print(&policy.rules[i].rule, text);
                fprintf(f, "\n%s%s%s", text, policy.rules[i].list[0] ? " " : "", policy.rules[i].list);
        }
        memory_need(fclose(f) == 0);
        return 0;
}

/* A VM that began without a way out does not need pasta and dnsmasq, and systemd would stop them as soon as
 * they run. */
static int need_way_out(Context *c, const char *id, char *const *units) {
        int r = unit_needs_add(c->manager, c->runtime_dir, id, units);

        if (r < 0)
                return fail(EXIT_FAILURE,
                                "The rules are changed, but the way out of '%s' cannot be kept open: %s", id,
                                strerror(-r));
        return r > 0 ? context_reload(c) : 0;
}

/* dnsmasq reads its configuration when it starts, so it does; pasta and dnsmasq may not run yet. */
static int follow_change(Context *c, const char *id) {
        _cleanup_strv_free_ char **units = NULL;
        int r = context_manager(c);

        memory_need(strv_appendf(&units, "claude-vm-pasta@%s.service", id) >= 0 &&
                        strv_appendf(&units, "claude-vm-dns@%s.service", id) >= 0);
        if (r == 0)
                r = need_way_out(c, id, units);
        for (size_t i = 0; r == 0 && units[i]; i++) {
                const char *result = "";

                r = manager_job(c->manager, i == 0 ? MANAGER_START : MANAGER_RESTART, units[i], 10 * SEC,
                                &context_interrupted, NULL, NULL, &result);
                if (r < 0)
                        r = fail(EXIT_FAILURE,
                                        "The rules are changed, but %s could not be started; see: systemctl --user status %s",
                                        units[i], units[i]);
        }
        return r;
}

static int save(Context *c, const char *id, bool allow, char *const *words) {
        int r = 0;

        for (; r == 0 && *words; words++) {
                _cleanup_free_ char *line = NEED(strjoin("Allow=", *words, NULL));

                r = allow ? config_add_line(c, id, "Network", line) : config_remove_line(c, id, line);
        }
        return r;
}

static int change(Context *c, const char *id, const char *words) {
        _cleanup_json_ sd_json_variant *answer = NULL;
        int r = ask(c, id, words, &answer);

        if (r != 0)
                return r;
        if (vm_network_text(answer, "error")[0])
                return fail(EXIT_FAILURE, "%s", vm_network_text(answer, "error"));
        return follow_change(c, id);
}

/* Before anything is changed. */
static int check_save(const Context *c, const char *id) {
        if (!c->options->save || vm_name_is_project(id))
                return 0;
        return fail(EXIT_USAGE, "--save: '%s' is an ad-hoc VM, which has no ini", id);
}

static int change_rules(Context *c, const char *id, const char *action, char *const *words) {
        _cleanup_free_ char *message = NULL;
        int r = compose(action, words, &message);

        if (r == 0)
                r = change(c, id, message);
        return r == 0 && c->options->save ? save(c, id, strcmp(action, "allow") == 0, words) : r;
}

static int change_mode(Context *c, const char *id, char *const *words) {
        _cleanup_free_ char *message = NEED(strjoin("mode ", words[0], NULL));
        int r;

        if (words[1])
                return fail(EXIT_USAGE, "expected one mode, got also '%s'", words[1]);
        r = change(c, id, message);
        return r == 0 && c->options->save ? config_set_line(c, id, "Network", "Mode", words[0]) : r;
}

static bool is_action(const char *word) {
        return strcmp(word, "allow") == 0 || strcmp(word, "deny") == 0 || strcmp(word, "mode") == 0;
}

/* [NAME] [allow|deny WORD…|mode MODE] */
int verb_network(Context *c) {
        _cleanup_free_ char *id = NULL;
        const RunOptions *o = c->options;
        unsigned first = o->n_words > 0 && !is_action(o->words[0]);
        const char *action = o->n_words > first ? o->words[first] : NULL;
        int r;

        if (action && (!is_action(action) || o->n_words == first + 1))
                return fail(EXIT_USAGE, "claude-run network [NAME] [allow|deny WORD…|mode MODE]");
        r = first ? which_vm_resolve(c, o->words[0], &id) : which_vm_here(c, &id);
        if (r != 0)
                return r;
        if (!id)
                return fail(EXIT_FAILURE, "no VM of this directory runs");
        if (!action)
                return show(c, id);
        r = check_save(c, id);
        if (r != 0)
                return r;
        if (strcmp(action, "mode") == 0)
                return change_mode(c, id, o->words + first + 1);
        return change_rules(c, id, action, o->words + first + 1);
}
