/* The namespace lives as long as this process, and the guest's interface with it. What it reads from the
 * guest (heads of packets, names in dnsmasq's log) is parsed in a root directory of its own, with one
 * capability over a network that has nothing but this VM in it.
 *
 * The rules are in force before anybody gets the guest's interface. A change is one transaction of nft: it
 * is in force as a whole, or the old rules are. */

#include "helper/net/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/unix-socket.h"
#include "common/usec.h"
#include "common/why.h"
#include "helper/foreground-mode.h"
#include "helper/guest-lines.h"
#include "helper/json.h"
#include "helper/line-limit.h"
#include "helper/log.h"
#include "helper/net/allow-list.h"
#include "helper/net/client.h"
#include "helper/net/known-names.h"
#include "helper/net/namespace.h"
#include "helper/net/nft.h"
#include "helper/net/own-addresses.h"
#include "helper/net/packet-log.h"
#include "helper/net/policy.h"
#include "helper/net/proxy-log.h"
#include "helper/net/proxy-names.h"
#include "helper/net/text-answer.h"
#include "helper/net/verdicts.h"
#include "helper/sandbox/sandbox.h"

#define LOG_GROUP 1U            /* as policy.c has it */
#define SSH_CONNECTIONS_MAX 32U /* at once; a session has one for a moment */

typedef struct Holder {
        const NetConfig *config;
        const char *id;
        sd_event *event;
        NetNamespace namespaces;
        Policy policy;
        KnownNames names;
        Verdicts verdicts;
        GuestLines resolver_log;
        LineLimit resolver_limit;
        GuestLines proxy_log;
        LineLimit proxy_limit;
        ApiTotals api;
        int control_fd, ssh_fd;
        unsigned n_ssh;             /* connections */
        int own_fd, own_changes_fd; /* of the host's namespace */
        int packet_fd;
        int resolver_log_fds[2];
        int proxy_log_fds[2];
        bool resolver_ready;
        int resolver_waiter; /* who asked for it, once it is */
} Holder;

static int fail(const char *what, int error) {
        log_status(LOG_ERR, "Failed to %s: %s", what, strerror(-error));
        return EXIT_CONFIGURATION;
}

/* --- rules ----------------------------------------------------------------------------- */

/* Begins with the whole table where there is none yet, so that it never is without the host's addresses. */
static int load_own_addresses(const Holder *h, const Policy *table) {
        _cleanup_(own_addresses_done) OwnAddresses own = {};
        NftScript script;
        int r = own_addresses_read(h->own_fd, &own);

        if (r >= 0)
                r = nft_begin(&script);
        if (r < 0)
                return r;
        if (table)
                policy_print_table(script.stream, table);
        policy_print_own(script.stream, own.addresses, own.networks);
        return nft_end(&script, h->config->nft);
}

static int load_change(const Holder *h, const Policy *policy) {
        _cleanup_free_ PolicyAddress *known = NULL;
        NftScript script;
        int n = known_names_allowed(&h->names, policy, &known), r = n < 0 ? n : nft_begin(&script);

        if (r < 0)
                return r;
        policy_print_change(script.stream, policy, known, (size_t) n);
        return nft_end(&script, h->config->nft);
}

static int print(void (*printer)(FILE *f, const Policy *p), const Policy *policy, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        printer(f, policy);
        return fclose(f) != 0 ? -ENOMEM : 0;
}

/* A haproxy that does not run begins with the new list. */
static int change_tls_names(const Holder *h, const Policy *earlier) {
        _cleanup_free_ char *from = NULL, *to = NULL;
        int r = h->policy.has_proxy ? print(policy_print_tls_names, earlier, &from) : -ENOENT;

        if (r >= 0)
                r = print(policy_print_tls_names, &h->policy, &to);
        if (r >= 0)
                r = proxy_names_change(h->config->runtime_dir, from, to);
        return r == -ENOENT || r == -ECONNREFUSED ? 0 : r;
}

static int copy_policy(const Policy *from, Policy *ret) {
        *ret = *from;
        ret->rules = calloc(from->n_rules + 1, sizeof(PolicyRule));
        if (!ret->rules)
                return -ENOMEM;
        if (from->n_rules > 0)
                memcpy(ret->rules, from->rules, from->n_rules * sizeof(PolicyRule));
        return 0;
}

/* --- words on the control socket ------------------------------------------------------- */

/* RULE or RULE LIST. 1: it changes the policy; 0; negative errno. */
static int change_rule(Policy *p, char *line, bool allow, char **ret_why) {
        char why[ALLOW_WHY_MAX], *list = strchr(line, ' ');
        AllowRule rule;
        int r;

        if (list)
                *list++ = '\0';
        if (allow_rule_parse(line, &rule, why) < 0 || rule.kind == ALLOW_LIST)
                return why_say(ret_why, -EINVAL, "'%s' is not a rule", line);
        r = allow ? policy_add(p, &rule, list ?: "", true) : policy_remove(p, &rule);
        if (r == 0 && !allow)
                return why_say(ret_why, -EINVAL, "No rule allows '%s'", line);
        return r == -E2BIG ? why_say(ret_why, -EINVAL, "More than %u rules", POLICY_RULES_MAX) : r;
}

static int change_rules(Policy *p, char *rest, bool allow, char **ret_why) {
        int changed = 0;
        char *line;

        while ((line = strsep(&rest, "\n"))) {
                int r = *line ? change_rule(p, line, allow, ret_why) : 0;

                if (r < 0)
                        return r;
                changed += r;
        }
        if (!allow)
                p->generation++;
        return changed;
}

static int change_mode(Policy *p, const char *word, char **ret_why) {
        char why[SETTING_WHY_MAX];

        if (setting_check(&settings[SETTING_NETWORK], word, why) < 0)
                return why_say(ret_why, -EINVAL, "The mode %s", why);
        p->mode = policy_mode(word);
        p->generation++;
        return 1;
}

static int change(Holder *h, const char *word, char *rest, char **ret_why) {
        Policy policy, earlier;
        int r = copy_policy(&h->policy, &policy);

        if (r >= 0)
                r = strcmp(word, "mode") == 0
                                ? change_mode(&policy, rest, ret_why)
                                : change_rules(&policy, rest, strcmp(word, "allow") == 0, ret_why);
        if (r > 0)
                r = load_change(h, &policy) ?: 1;
        if (r <= 0) {
                policy_done(&policy);
                return r;
        }
        /* from here on the rules are in force, whatever haproxy does */
        earlier = h->policy;
        h->policy = policy;
        r = change_tls_names(h, &earlier);
        policy_done(&earlier);
        return r >= 0 ? 0
                      : why_say(ret_why, r,
                                        "The rules are in force, but haproxy has not taken over the names that TLS connections may have: %s. It does when it starts again: systemctl --user restart claude-vm-proxy@%s",
                                        strerror(-r), h->id);
}

static int build_rules(const Policy *p, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = 0; r >= 0 && i < p->n_rules; i++) {
                _cleanup_json_ sd_json_variant *one = NULL;
                const PolicyRule *rule = &p->rules[i];
                char text[ALLOW_TEXT_MAX];

                allow_rule_print(&rule->rule, text);
                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR("allow", SD_JSON_BUILD_STRING(text)),
                                SD_JSON_BUILD_PAIR_CONDITION(rule->list[0] != '\0', "list",
                                                SD_JSON_BUILD_STRING(rule->list)),
                                SD_JSON_BUILD_PAIR("added", SD_JSON_BUILD_BOOLEAN(rule->added)));
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, one);
        }
        if (r >= 0)
                *ret = TAKE_PTR(array);
        return r;
}

static int build_counter(const Holder *h, const char *name, sd_json_variant **ret) {
        uint64_t packets, bytes;
        int r = nft_counter(h->config->nft, name, &packets, &bytes);

        return r < 0 ? r
                     : sd_json_buildo(ret, SD_JSON_BUILD_PAIR("packets", SD_JSON_BUILD_UNSIGNED(packets)),
                                       SD_JSON_BUILD_PAIR("bytes", SD_JSON_BUILD_UNSIGNED(bytes)));
}

/* NULL where no key is kept for this VM. */
static int build_api(const Holder *h, sd_json_variant **ret) {
        const ApiTotals *t = &h->api;

        if (!h->policy.has_api)
                return 0;
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("requests", t->requests),
                        SD_JSON_BUILD_PAIR_UNSIGNED("errors", t->errors),
                        SD_JSON_BUILD_PAIR_UNSIGNED("sentBytes", t->sent),
                        SD_JSON_BUILD_PAIR_UNSIGNED("receivedBytes", t->received),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        t->budget > 0, "spent", SD_JSON_BUILD_UNSIGNED(t->spent)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        t->budget > 0, "budget", SD_JSON_BUILD_UNSIGNED(t->budget)));
}

static int build_show(const Holder *h, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *rules = NULL, *refused = NULL, *api = NULL, *allowed_packets = NULL,
                                       *refused_packets = NULL;
        int r = build_rules(&h->policy, &rules);

        if (r >= 0)
                r = verdicts_build(&h->verdicts, &refused);
        if (r >= 0)
                r = build_api(h, &api);
        if (r >= 0)
                r = build_counter(h, "allowed", &allowed_packets);
        if (r >= 0)
                r = build_counter(h, "refused", &refused_packets);
        return r < 0 ? r
                     : sd_json_buildo(ret,
                                       SD_JSON_BUILD_PAIR("mode",
                                                       SD_JSON_BUILD_STRING(
                                                                       policy_mode_name(h->policy.mode))),
                                       SD_JSON_BUILD_PAIR("rules", SD_JSON_BUILD_VARIANT(rules)),
                                       SD_JSON_BUILD_PAIR("allowedTraffic",
                                                       SD_JSON_BUILD_VARIANT(allowed_packets)),
                                       SD_JSON_BUILD_PAIR("refusedTraffic",
                                                       SD_JSON_BUILD_VARIANT(refused_packets)),
                                       SD_JSON_BUILD_PAIR_CONDITION(
                                                       api != NULL, "api", SD_JSON_BUILD_VARIANT(api)),
                                       SD_JSON_BUILD_PAIR("refused", SD_JSON_BUILD_VARIANT(refused)));
}

/* --- answers --------------------------------------------------------------------------- */

static int send_fds(int fd, const int fds[], size_t n) {
        return unix_send_fds(fd, fds, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int send_json(int fd, sd_json_variant *v) {
        _cleanup_free_ char *text = NULL;
        int r = sd_json_variant_format(v, 0, &text);

        return r < 0 ? r : text_answer_send(fd, text);
}

static int answer_show(Holder *h, int fd, const char *word, char *rest) {
        _cleanup_json_ sd_json_variant *v = NULL;
        int r = build_show(h, &v);

        return r < 0 ? r : send_json(fd, v);
}

/* An empty object, or the error as a sentence for the user. */
static int answer_change(Holder *h, int fd, const char *word, char *rest) {
        _cleanup_json_ sd_json_variant *v = NULL;
        _cleanup_free_ char *why = NULL;
        int r = change(h, word, rest, &why);
        const char *error = why ?: r < 0 ? strerror(-r) : "";

        r = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_CONDITION(r < 0, "error", SD_JSON_BUILD_STRING(error)));
        return r < 0 ? r : send_json(fd, v);
}

static int answer_resolver(Holder *h, int fd, const char *word, char *rest) {
        _cleanup_free_ char *text = NULL;
        int r = print(policy_print_resolver, &h->policy, &text);

        h->resolver_ready = false;
        return r < 0 ? r : text_answer_send(fd, text);
}

/* The latest to ask gets the answer. */
static int answer_resolver_ready(Holder *h, int fd, const char *word, char *rest) {
        if (h->resolver_ready)
                return text_answer_send(fd, "{}");
        close_cleanup(&h->resolver_waiter);
        h->resolver_waiter = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return h->resolver_waiter < 0 ? -errno : 0;
}

static void resolver_has_started(Holder *h) {
        h->resolver_ready = true;
        if (h->resolver_waiter >= 0)
                (void) text_answer_send(h->resolver_waiter, "{}");
        close_cleanup(&h->resolver_waiter);
        h->resolver_waiter = -EBADF;
}

/* A VM that is started while an earlier one stops may find the network of that one, and its ini may be
 * another. */
static int answer_tap(Holder *h, int fd, const char *word, char *rest) {
        if (strcmp(rest, h->config->settings_id) != 0)
                return text_answer_send(fd, "stale");
        return send_fds(fd, &h->namespaces.tap_fd, 1);
}

static int answer_namespaces(Holder *h, int fd, const char *word, char *rest) {
        const int fds[] = { h->namespaces.user_fd, h->namespaces.net_fd };

        return send_fds(fd, fds, ELEMENTSOF(fds));
}

static int answer_resolver_log(Holder *h, int fd, const char *word, char *rest) {
        return send_fds(fd, &h->resolver_log_fds[1], 1);
}

static int answer_proxy_log(Holder *h, int fd, const char *word, char *rest) {
        return send_fds(fd, &h->proxy_log_fds[1], 1);
}

static int answer_tls_names(Holder *h, int fd, const char *word, char *rest) {
        _cleanup_free_ char *text = NULL, *answer = NULL;
        int r = print(policy_print_tls_names, &h->policy, &text);

        if (r < 0)
                return r;
        answer = strjoin("names\n", text, NULL);
        return answer ? text_answer_send(fd, answer) : -ENOMEM;
}

static int answer_ssh(Holder *h, int fd, const char *word, char *rest) {
        _cleanup_close_ int guest = net_namespace_connect_ssh();

        return guest < 0 ? guest : send_fds(fd, &guest, 1);
}

typedef struct Answer {
        const char *word;
        int (*give)(Holder *h, int fd, const char *word, char *rest);
} Answer;

static const Answer control_answers[] = {
        { "tap", answer_tap },
        { "namespaces", answer_namespaces },
        { "resolver-log", answer_resolver_log },
        { "resolver", answer_resolver },
        { "proxy-log", answer_proxy_log },
        { "tls-names", answer_tls_names },
        { "resolver-ready", answer_resolver_ready },
        { "show", answer_show },
        { "allow", answer_change },
        { "deny", answer_change },
        { "mode", answer_change },
        {},
};

static const Answer ssh_answers[] = { { "ssh", answer_ssh }, {} };

/* --- connections ----------------------------------------------------------------------- */

typedef struct Connection {
        Holder *holder;
        const Answer *answers;
} Connection;

static void end_connection(sd_event_source *source, Connection *c) {
        sd_event_source_disable_unref(source);
        if (c->answers == ssh_answers)
                c->holder->n_ssh--;
        free(c);
}

/* The word ends at a blank or a line end. */
static int give_answer(Connection *c, int fd, char *text) {
        char *rest = text + strcspn(text, " \n");

        if (*rest)
                *rest++ = '\0';
        for (const Answer *a = c->answers; a->word; a++)
                if (strcmp(a->word, text) == 0)
                        return a->give(c->holder, fd, text, rest);
        return -EINVAL;
}

/* Who sends what we do not understand, or takes no answer, is hung up on: also for a message that is longer
 * than it may be, of which a part would mean something else. */
static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Connection *c = userdata;
        _cleanup_free_ char *text = malloc(NET_MESSAGE_MAX + 1);
        /* MSG_TRUNC: the size that it had */
        ssize_t n = text ? recv(fd, text, NET_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC) : 0;

        if (n > (ssize_t) NET_MESSAGE_MAX)
                n = 0;
        if (n > 0) {
                text[n] = '\0';
                n = give_answer(c, fd, text) < 0 ? 0 : 1;
        }
        if (n <= 0)
                end_connection(source, c);
        return 0;
}

static int accept_connection(Holder *h, int listener, const Answer *answers) {
        _cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        sd_event_source *source = NULL;
        Connection *c;
        int r;

        /* the peers of `ssh` read what a guest sends: they must not take all descriptors of this process */
        if (fd < 0 || (answers == ssh_answers && h->n_ssh >= SSH_CONNECTIONS_MAX))
                return 0;
        c = calloc(1, sizeof(Connection));
        if (!c)
                return 0;
        *c = (Connection) { h, answers };
        h->n_ssh += answers == ssh_answers;
        r = sd_event_add_io(h->event, &source, fd, EPOLLIN, on_request, c);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(source, true);
        if (r < 0) {
                end_connection(source, c);
                return 0;
        }
        (void) TAKE_FD(fd);
        return 0;
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return accept_connection(userdata, fd, control_answers);
}

static int on_ssh(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        return accept_connection(userdata, fd, ssh_answers);
}

static int listen_on(const char *directory, const char *name) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        _cleanup_free_ char *path = strjoin(directory, "/", name, NULL);
        int r;

        if (fd < 0)
                return -errno;
        r = path ? unix_bind(fd, path) : -ENOMEM;
        if (r < 0)
                return r;
        return listen(fd, 64) < 0 ? -errno : TAKE_FD(fd);
}

/* --- what the guest does --------------------------------------------------------------- */

static void on_packet(void *userdata, bool refused, const Packet *packet) {
        Holder *h = userdata;
        Verdict verdict = { .refused = refused, .protocol = packet->protocol, .port = packet->port };

        snprintf(verdict.address, sizeof(verdict.address), "%s", packet->address);
        verdict.by_address = h->policy.mode != POLICY_ALLOW || policy_is_local(packet->address);
        snprintf(verdict.name, sizeof(verdict.name), "%s", known_names_find(&h->names, packet->address));
        (void) verdicts_take(&h->verdicts, &verdict);
}

static int on_packet_log(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int r = packet_log_read(fd, on_packet, userdata);

        if (r >= 0)
                return 0;
        /* the rules are in force without it */
        log_message(LOG_WARNING, "Failed to read the log of packets, so it ends here: %s", strerror(-r));
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void on_resolver_line(void *userdata, const char *text) {
        Holder *h = userdata;
        ResolverLine line = resolver_log_parse(text);
        Verdict verdict = { .refused = true };
        unsigned left_out;

        (void) known_names_take(&h->names, &line);
        if (line.word == RESOLVER_ITSELF &&
                        line_limit_pass(&h->resolver_limit, usec_now(CLOCK_MONOTONIC), &left_out))
                log_line(strstr(text, "fail") ? LOG_ERR : LOG_DEBUG, "dnsmasq", text);
        if (line.word == RESOLVER_STARTED)
                resolver_has_started(h);
        /* its name for this machine has an IPv4 address alone */
        if (line.word != RESOLVER_REFUSED || strcmp(line.name, "host") == 0)
                return;
        snprintf(verdict.name, sizeof(verdict.name), "%s", line.name);
        (void) verdicts_take(&h->verdicts, &verdict);
}

static void log_request(const ProxyLine *line) {
        char text[768];

        snprintf(text, sizeof(text), "%s %s: %u, %llu bytes sent, %llu received, %llu ms", line->method,
                        line->path, line->status, line->sent, line->received, line->msec);
        log_line(LOG_INFO, "claude-vm-api", text);
}

static void take_name(Holder *h, const ProxyLine *line) {
        Verdict verdict = {
                .refused = line->word != PROXY_NAME_ALLOWED,
                .by_address = line->word == PROXY_NAME_LOCAL || !line->name[0],
                .protocol = IPPROTO_TCP,
                .port = 443,
        };

        if (!verdict.refused && !h->policy.log_allowed)
                return;
        snprintf(verdict.name, sizeof(verdict.name), "%s", line->name);
        snprintf(verdict.address, sizeof(verdict.address), "%s", line->address);
        (void) verdicts_take(&h->verdicts, &verdict);
}

/* The guest can make many of them. */
static void on_proxy_line(void *userdata, const char *text) {
        Holder *h = userdata;
        ProxyLine line = proxy_log_parse(text);
        unsigned left_out;

        if (line.word == PROXY_API)
                api_totals_add(&h->api, &line);
        if (line.word == PROXY_NAME_ALLOWED || line.word == PROXY_NAME_REFUSED ||
                        line.word == PROXY_NAME_LOCAL)
                take_name(h, &line);
        else if (!line_limit_pass(&h->proxy_limit, usec_now(CLOCK_MONOTONIC), &left_out))
                return;
        else if (line.word == PROXY_API)
                log_request(&line);
        else if (line.word == PROXY_NAME_UNKNOWN)
                log_message(LOG_NOTICE, "The host's name servers have no address of %s, which is allowed",
                                line.name);
        else
                log_line(LOG_NOTICE, "haproxy", text);
}

/* What dnsmasq or haproxy has written; `userdata` takes it. */
static int on_log(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char buffer[16384];
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n > 0)
                guest_lines_feed(userdata, buffer, (size_t) n);
        return 0;
}

/* The host has another address. Without the new set of them the guest's packets may not pass: so this
 * process, and with it the network, ends. */
static int on_own_address(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Holder *h = userdata;
        int r = own_addresses_changed(fd);

        if (r > 0)
                r = load_own_addresses(h, NULL);
        if (r < 0)
                log_status(LOG_ERR, "Failed to follow the host's addresses: %s", strerror(-r));
        return r < 0 ? sd_event_exit(h->event, r) : 0;
}

/* --- the whole ------------------------------------------------------------------------- */

static int read_upstream(Policy *p, const char *url, char **ret_why) {
        char why[API_WHY_MAX];

        p->has_api = url != NULL;
        if (url && api_upstream_parse(url, &p->upstream, why) < 0)
                return why_say(ret_why, -EINVAL, PARAMETER_API_UPSTREAM "=%s in the unit: %s", url, why);
        return 0;
}

/* Its unit runs from the start, or not at all. */
static void find_proxy(Policy *p, const char *haproxy) {
        bool is_there = access(haproxy, X_OK) == 0;

        p->has_proxy = is_there && (p->has_api || p->mode == POLICY_ALLOW);
        if (!is_there && p->mode == POLICY_ALLOW)
                log_message(LOG_WARNING,
                                "The program '%s' is missing: the guest reaches all names that share an address with an allowed one; install haproxy",
                                haproxy);
}

static int read_policy(Policy *p, char *const *variables, const char *config_home, char **ret_why) {
        char name[sizeof(PARAMETER_ALLOW_PREFIX) + 3 * sizeof(unsigned)];
        const char *log_allowed = strv_value(variables, settings[SETTING_LOG_ALLOWED].variable), *value;
        int r = 0;

        p->mode = policy_mode(strv_value(variables, settings[SETTING_NETWORK].variable)
                                        ?: settings[SETTING_NETWORK].fallback);
        p->log_allowed = log_allowed && strcmp(log_allowed, "yes") == 0;
        p->generation = 1;
        r = read_upstream(p, strv_value(variables, PARAMETER_API_UPSTREAM), ret_why);
        for (unsigned i = 0; r >= 0; i++) {
                snprintf(name, sizeof(name), PARAMETER_ALLOW_PREFIX "%u", i);
                value = strv_value(variables, name);
                if (!value)
                        break;
                r = allow_list_add_word(p, value, config_home, false, ret_why);
        }
        return r;
}

/* What has a name outside of the new root, or belongs to the host's network. */
static int open_outside(Holder *h) {
        h->control_fd = listen_on(h->config->runtime_dir, "control");
        if (h->control_fd < 0)
                return h->control_fd;
        h->ssh_fd = listen_on(h->config->runtime_dir, "ssh");
        if (h->ssh_fd < 0)
                return h->ssh_fd;
        h->own_fd = own_addresses_open();
        if (h->own_fd < 0)
                return h->own_fd;
        h->own_changes_fd = own_addresses_watch();
        if (h->own_changes_fd < 0)
                return h->own_changes_fd;
        return pipe2(h->resolver_log_fds, O_CLOEXEC | O_NONBLOCK) < 0 ||
                                        pipe2(h->proxy_log_fds, O_CLOEXEC | O_NONBLOCK) < 0
                        ? -errno
                        : 0;
}

static int enter_sandbox(const Holder *h) {
        _cleanup_free_ char *point = strjoin(h->config->runtime_dir, "/root", NULL);
        const char *const sockets[] = { "/run/systemd/journal/socket", getenv("NOTIFY_SOCKET"), NULL };

        if (!point)
                return -ENOMEM;
        return sandbox_enter_tool(&(ToolSandbox) {
                        .point = point,
                        .directory = h->config->runtime_dir,
                        .program = h->config->nft,
                        .sockets = sockets,
        });
}

static int explain_namespace(const char *step, int error) {
        if (error == -EUSERS)
                log_status(LOG_ERR,
                                "This kernel gives ordinary users no namespaces, which the VM's network is made in; what to change: claude-run doctor");
        else if (error == -ENODEV)
                log_status(LOG_ERR,
                                "There is no /dev/net/tun, which the guest's interface is made with; what to change: claude-run doctor");
        else
                return fail(step, error);
        return EXIT_CONFIGURATION;
}

static int explain_rules(int error) {
        if (error == -ENOENT)
                log_status(LOG_ERR,
                                "The program nft is missing, which the VM's network is filtered with: install nftables");
        else if (error == -EPROTO)
                log_status(LOG_ERR,
                                "nft could not load the rules of the VM's network, and says why in the journal of this unit; does the kernel have nf_tables? See: claude-run doctor");
        else
                return fail("load the rules of the VM's network", error);
        return EXIT_CONFIGURATION;
}

static int watch(Holder *h) {
        struct {
                int fd;
                sd_event_io_handler_t handler;
                void *userdata;
        } const sources[] = {
                { h->control_fd, on_control, h },
                { h->ssh_fd, on_ssh, h },
                { h->own_changes_fd, on_own_address, h },
                { h->packet_fd, on_packet_log, h },
                { h->resolver_log_fds[0], on_log, &h->resolver_log },
                { h->proxy_log_fds[0], on_log, &h->proxy_log },
        };
        int r = sd_event_set_signal_exit(h->event, true);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sources); i++)
                r = sd_event_add_io(h->event, NULL, sources[i].fd, EPOLLIN, sources[i].handler,
                                sources[i].userdata);
        return r < 0 ? r : 0;
}

/* From here on the process can do nothing but configure this network, and so can nft. */
static int confine(Holder *h) {
        int r = h->packet_fd = packet_log_open(LOG_GROUP);

        if (r >= 0)
                r = enter_sandbox(h);
        if (r >= 0)
                r = net_namespace_drop_capabilities(true);
        foreground_bind();
        return r;
}

static int serve(Holder *h) {
        int r = watch(h);

        if (r < 0)
                return fail("watch the VM's network", r);
        sd_notifyf(0, "READY=1\nSTATUS=Mode %s, %zu rules", policy_mode_name(h->policy.mode),
                        h->policy.n_rules);
        r = sd_event_loop(h->event);
        (void) net_namespace_end_connections();
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int make(Holder *h) {
        const char *step;
        int r = open_outside(h);

        if (r < 0)
                return fail("open the sockets of the VM's network", r);
        r = net_namespace_enter(&h->namespaces, &step);
        if (r < 0)
                return explain_namespace(step, r);
        r = confine(h);
        if (r < 0)
                return fail("confine the network's holder", r);
        r = load_own_addresses(h, &h->policy);
        return r < 0 ? explain_rules(r) : serve(h);
}

int net_run(const NetConfig *config, const char *id, char *const *variables) {
        Holder h = {
                .config = config,
                .id = id,
                .resolver_waiter = -EBADF,
                .resolver_log = { .handler = on_resolver_line, .userdata = &h },
                .proxy_log = { .handler = on_proxy_line, .userdata = &h },
        };
        _cleanup_free_ char *why = NULL;
        int r = read_policy(&h.policy, variables, config->config_home, &why);

        if (r < 0) {
                log_status(LOG_ERR, "%s", why ?: strerror(-r));
                return EXIT_CONFIGURATION;
        }
        find_proxy(&h.policy, config->haproxy);
        r = sd_event_new(&h.event);
        r = r < 0 ? fail("start", r) : make(&h);
        sd_event_unref(h.event);
        policy_done(&h.policy);
        known_names_done(&h.names);
        verdicts_done(&h.verdicts);
        return r;
}
