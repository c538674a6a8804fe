/* nftables decides: a packet that no rule takes is refused. dnsmasq fills the sets of the allowed names with
 * their addresses before it answers (`nftset=`).
 *
 * Each packet of the guest passes the policy until its connection has been accepted under the present
 * generation of it, which its mark says. So a tightened policy ends a running download at once, which the
 * usual `ct state established accept` does not, and an address that leaves a set after a day ends no
 * connection. */

#include "helper/net/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/net/addresses.h"

/* Not public, or not one machine's: IANA's special-purpose registry (RFC 6890), and multicast. The
 * TEST-NETs are not among them: they lead nowhere, or to where an administrator has made them lead. */
static const struct {
        uint32_t address;
        unsigned prefix;
} local_networks[] = {
        { 0x00000000, 8 },  /* 0.0.0.0 */
        { 0x0a000000, 8 },  /* 10.0.0.0 */
        { 0x64400000, 10 }, /* 100.64.0.0 */
        { 0x7f000000, 8 },  /* 127.0.0.0 */
        { 0xa9fe0000, 16 }, /* 169.254.0.0 */
        { 0xac100000, 12 }, /* 172.16.0.0 */
        { 0xc0000000, 24 }, /* 192.0.0.0 */
        { 0xc0586300, 24 }, /* 192.88.99.0 */
        { 0xc0a80000, 16 }, /* 192.168.0.0 */
        { 0xc6120000, 15 }, /* 198.18.0.0 */
        { 0xe0000000, 3 },  /* 224.0.0.0 and above */
};

static const char *const mode_names[] = {
        [POLICY_INTERNET] = "internet",
        [POLICY_ALLOW] = "allow",
        [POLICY_NONE] = "none",
        [POLICY_OPEN] = "open",
};

PolicyMode policy_mode(const char *word) {
        for (size_t i = 0; word && i < ELEMENTSOF(mode_names); i++)
                if (strcmp(word, mode_names[i]) == 0)
                        return (PolicyMode) i;
        return POLICY_NONE;
}

const char *policy_mode_name(PolicyMode mode) {
        return mode_names[mode];
}

void policy_done(Policy *p) {
        free(p->rules);
        p->rules = NULL;
        p->n_rules = 0;
}

/* --- rules ----------------------------------------------------------------------------- */

static bool is_same(const AllowRule *a, const AllowRule *b) {
        return a->kind == b->kind && a->port == b->port && a->address == b->address &&
                        a->prefix == b->prefix && strcmp(a->name, b->name) == 0;
}

static size_t find_rule(const Policy *p, const AllowRule *rule) {
        size_t i = 0;

        while (i < p->n_rules && !is_same(&p->rules[i].rule, rule))
                i++;
        return i;
}

int policy_add(Policy *p, const AllowRule *rule, const char *list, bool added) {
        PolicyRule *grown;

        if (find_rule(p, rule) < p->n_rules)
                return 0;
        if (p->n_rules >= POLICY_RULES_MAX)
                return -E2BIG;
        grown = reallocarray(p->rules, p->n_rules + 1, sizeof(PolicyRule));
        if (!grown)
                return -ENOMEM;
        p->rules = grown;
        grown[p->n_rules] = (PolicyRule) { .rule = *rule, .added = added };
        snprintf(grown[p->n_rules].list, sizeof(grown->list), "%s", list);
        p->n_rules++;
        return 1;
}

int policy_remove(Policy *p, const AllowRule *rule) {
        size_t i = find_rule(p, rule);

        if (i == p->n_rules)
                return 0;
        p->n_rules--;
        memmove(p->rules + i, p->rules + i + 1, (p->n_rules - i) * sizeof(PolicyRule));
        return 1;
}

/* True if `name` is `above`, or below it. */
static bool is_below(const char *name, const char *above) {
        size_t n = strlen(name), m = strlen(above);

        return n >= m && strcasecmp(name + n - m, above) == 0 && (n == m || name[n - m - 1] == '.');
}

bool policy_allows_name(const Policy *p, const char *name) {
        for (size_t i = 0; i < p->n_rules; i++)
                if (p->rules[i].rule.kind == ALLOW_NAME && is_below(name, p->rules[i].rule.name))
                        return true;
        return false;
}

/* --- nftables -------------------------------------------------------------------------- */

/* Names have a set for each port that they are allowed with; 0 stands for all. */
#define SET_NAME "names_%u"

typedef void (*port_printer)(FILE *f, unsigned port);

static bool is_first_of_port(const Policy *p, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (p->rules[j].rule.kind == ALLOW_NAME && p->rules[j].rule.port == p->rules[i].rule.port)
                        return false;
        return true;
}

static void print_each_port(FILE *f, const Policy *p, port_printer print) {
        for (size_t i = 0; i < p->n_rules; i++)
                if (p->rules[i].rule.kind == ALLOW_NAME && is_first_of_port(p, i))
                        print(f, p->rules[i].rule.port);
}

/* dnsmasq does not refresh what is in a set, so a day, and not the time that the name server gives. */
static void print_set(FILE *f, unsigned port) {
        fprintf(f, " set " SET_NAME " { type ipv4_addr; flags timeout; timeout 1d; size 65535; }\n", port);
}

static void print_name_rule(FILE *f, unsigned port) {
        fputs("  ", f);
        if (port > 0)
                fprintf(f, "meta l4proto { tcp, udp } th dport %u ", port);
        fprintf(f, "ip daddr @" SET_NAME " goto allow\n", port);
}

static void print_network_rule(FILE *f, const AllowRule *rule) {
        char network[ALLOW_NETWORK_MAX];

        allow_rule_print_network(rule, network);
        fprintf(f, "  ip daddr %s ", network);
        if (rule->port > 0)
                fprintf(f, "meta l4proto { tcp, udp } th dport %u ", rule->port);
        fputs("goto allow\n", f);
}

static void print_host_rule(FILE *f, const AllowRule *rule) {
        fprintf(f, "  ip daddr " NET_OUTER_HOST " meta l4proto { tcp, udp } th dport %u goto allow\n",
                        rule->port);
}

/* The host's side of the namespace is nobody's to reach but by `host:PORT`. */
static void print_host_rules(FILE *f, const Policy *p) {
        for (size_t i = 0; i < p->n_rules; i++)
                if (p->rules[i].rule.kind == ALLOW_HOST)
                        print_host_rule(f, &p->rules[i].rule);
        fputs("  ip daddr " NET_OUTER_SUBNET " goto refuse\n", f);
}

static bool filters_tls(const Policy *p) {
        return p->has_proxy && p->mode == POLICY_ALLOW;
}

/* An address that is named itself may be a local one; a name never leads to one, whatever its name server
 * says. */
static void print_policy(FILE *f, const Policy *p) {
        if (p->mode != POLICY_NONE) {
                print_host_rules(f, p);
                for (size_t i = 0; i < p->n_rules; i++)
                        if (p->rules[i].rule.kind == ALLOW_NETWORK)
                                print_network_rule(f, &p->rules[i].rule);
        }
        if (p->mode == POLICY_INTERNET || p->mode == POLICY_ALLOW)
                fputs("  ip daddr @local_nets goto refuse\n  ip daddr @own_nets goto refuse\n", f);
        if (p->mode == POLICY_OPEN)
                fputs("  ip daddr @own_addresses goto refuse\n", f);
        /* TLS is haproxy's: what gets here is QUIC, which it cannot look into, or no connection */
        if (filters_tls(p))
                fputs("  meta l4proto { tcp, udp } th dport 443 goto refuse\n", f);
        if (p->mode == POLICY_ALLOW)
                print_each_port(f, p, print_name_rule);
        fputs(p->mode == POLICY_INTERNET || p->mode == POLICY_OPEN ? "  goto allow\n" : "  goto refuse\n",
                        f);
}

static void print_allow(FILE *f, const Policy *p) {
        fprintf(f, "  ct mark set %u\n", p->generation);
        if (p->log_allowed)
                fputs("  ct state new limit rate 100/second burst 200 packets log prefix \"allowed\" group 1 snaplen 128\n",
                                f);
        fputs("  counter name allowed accept\n", f);
}

/* What the guest may send on: the replies to what was let in, and what this policy has accepted already. */
static void print_forward(FILE *f, const Policy *p) {
        fprintf(f,
                        "  iifname \"" NET_OUT "\" oifname \"" NET_TAP
                        "\" ct direction reply ct state established,related counter name allowed accept\n"
                        "  iifname != \"" NET_TAP "\" drop\n"
                        "  ct direction reply ct state established,related accept\n"
                        "  ct state established ct mark %u counter name allowed accept\n"
                        "  jump judge\n",
                        p->generation);
}

/* An address may have many names: haproxy looks at the one that the guest's TLS names. What an address is
 * allowed for itself needs no name. */
static void print_tls_redirect(FILE *f, const Policy *p) {
        for (size_t i = 0; i < p->n_rules; i++) {
                const AllowRule *rule = &p->rules[i].rule;
                char network[ALLOW_NETWORK_MAX];

                if (rule->kind != ALLOW_NETWORK || (rule->port != 0 && rule->port != 443))
                        continue;
                allow_rule_print_network(rule, network);
                fprintf(f, "  iifname \"" NET_TAP "\" ip daddr %s tcp dport 443 return\n", network);
        }
        fprintf(f,
                        "  iifname \"" NET_TAP "\" ip daddr { " NET_SUBNET ", " NET_OUTER_SUBNET
                        " } return\n"
                        "  iifname \"" NET_TAP "\" tcp dport 443 redirect to :%u\n",
                        NET_TLS_PORT);
}

/* The guest finds a port of the host at its gateway, by the name `host`. The API's is the proxy's. */
static void print_redirect(FILE *f, const Policy *p) {
        if (p->has_api)
                fprintf(f, "  iifname \"" NET_TAP "\" ip daddr " NET_GATEWAY " tcp dport %u return\n",
                                NET_API_PORT);
        for (size_t i = 0; p->mode != POLICY_NONE && i < p->n_rules; i++)
                if (p->rules[i].rule.kind == ALLOW_HOST)
                        fprintf(f,
                                        "  iifname \"" NET_TAP "\" ip daddr " NET_GATEWAY
                                        " meta l4proto { tcp, udp } th dport %u dnat ip to " NET_OUTER_HOST
                                        "\n",
                                        p->rules[i].rule.port);
        if (filters_tls(p))
                print_tls_redirect(f, p);
}

static void print_still_allowed(FILE *f, unsigned port) {
        if (port == 0 || port == 443)
                fprintf(f, "  tcp dport %u ct status dnat ct original ip daddr @" SET_NAME " accept\n",
                                NET_TLS_PORT, port);
}

/* haproxy looks at the name when a connection begins. One of an earlier generation goes on if its address is
 * still one of an allowed name. */
static void print_to_tls(FILE *f, const Policy *p) {
        fprintf(f,
                        "  tcp dport %u ct status dnat ct state new ct mark set %u counter name allowed accept\n"
                        "  tcp dport %u ct status dnat ct mark %u counter name allowed accept\n",
                        NET_TLS_PORT, p->generation, NET_TLS_PORT, p->generation);
        print_each_port(f, p, print_still_allowed);
}

static void print_to_proxy(FILE *f, const Policy *p) {
        fputs("  ip daddr != " NET_GATEWAY " return\n", f);
        if (p->has_api)
                fprintf(f, "  tcp dport %u counter name allowed accept\n", NET_API_PORT);
        if (filters_tls(p))
                print_to_tls(f, p);
}

/* Also for a haproxy in a guest's hands: it reaches what the user has named as the API, and public
 * addresses. The first rules are for it as for all programs of this network. */
static void print_from_proxy(FILE *f, const Policy *p) {
        const ApiUpstream *u = &p->upstream;

        if (p->has_api && (u->is_local || u->is_address))
                fprintf(f, "  ip daddr %s tcp dport %u accept\n", u->is_local ? NET_OUTER_HOST : u->host,
                                u->port);
        fputs("  ip daddr @local_nets reject with tcp reset\n"
              "  ip daddr @own_nets reject with tcp reset\n",
                        f);
        if (p->has_api && !u->is_local && !u->is_address)
                fprintf(f, "  tcp dport %u accept\n", u->port);
        if (filters_tls(p))
                fputs("  tcp dport 443 accept\n", f);
        fputs("  reject with tcp reset\n", f);
}

static void print_changing_chains(FILE *f, const Policy *p) {
        fputs(" chain judge {\n", f);
        print_policy(f, p);
        fputs(" }\n chain allow {\n", f);
        print_allow(f, p);
        fputs(" }\n chain guest_to_world {\n", f);
        print_forward(f, p);
        fputs(" }\n chain host_ports {\n", f);
        print_redirect(f, p);
        fputs(" }\n chain to_proxy {\n", f);
        if (p->has_proxy)
                print_to_proxy(f, p);
        fputs(" }\n chain from_proxy {\n", f);
        if (p->has_proxy)
                print_from_proxy(f, p);
        fputs(" }\n", f);
}

/* What no policy changes. A guest that is root sends what it likes, so its own address is checked first;
 * other protocols than IPv4 and ARP end there. */
static const char constant_part[] =
                " set local_nets { type ipv4_addr; flags interval; auto-merge; }\n"
                " set own_nets { type ipv4_addr; flags interval; auto-merge; }\n"
                " set own_addresses { type ipv4_addr; }\n"
                " counter allowed { }\n"
                " counter refused { }\n"
                /* an answer at once, so that no program waits; the log is bounded, the counter is not */
                " chain refuse {\n"
                /* what a resumed guest still sends on connections of before, which nobody knows any more: no
                 * attempt to connect, so nothing to tell the user */
                "  ct state { new, invalid } tcp flags & (fin | syn | rst | ack) != syn counter name refused reject with tcp reset\n"
                "  limit rate 100/second burst 200 packets log prefix \"refused\" group 1 snaplen 128\n"
                "  counter name refused\n"
                "  meta l4proto tcp reject with tcp reset\n"
                "  reject with icmpx admin-prohibited\n"
                " }\n"
                " chain judge { }\n"
                " chain allow { }\n"
                " chain to_proxy { }\n"
                " chain from_proxy { }\n"
                " chain spoofed {\n"
                "  type filter hook prerouting priority raw; policy accept;\n"
                "  iifname \"" NET_TAP "\" meta nfproto ipv6 drop\n"
                "  iifname \"" NET_TAP "\" ip saddr != " NET_GUEST " drop\n"
                "  iifname \"" NET_OUT "\" ip saddr " NET_SUBNET " drop\n"
                " }\n"
                " chain host_ports { type nat hook prerouting priority dstnat; policy accept; }\n"
                " chain outer { type nat hook postrouting priority srcnat; policy accept;\n"
                "  oifname \"" NET_OUT "\" masquerade\n"
                " }\n"
                " chain guest_to_world { type filter hook forward priority filter; policy drop; }\n"
                " chain guest_to_us {\n"
                "  type filter hook input priority filter; policy drop;\n"
                "  iifname \"lo\" accept\n"
                "  ct direction reply ct state established,related accept\n"
                "  iifname != \"" NET_TAP "\" drop\n"
                "  ip daddr " NET_RESOLVER " meta l4proto { tcp, udp } th dport 53 accept\n"
                "  icmp type echo-request limit rate 100/second accept\n"
                "  jump to_proxy\n"
                "  goto refuse\n"
                " }\n"
                /* dnsmasq asks pasta; sessions go to the guest's sshd */
                " chain us_to_world {\n"
                "  type filter hook output priority filter; policy drop;\n"
                "  oifname \"lo\" accept\n"
                "  ct direction reply ct state established,related accept\n"
                "  oifname \"" NET_TAP "\" ip daddr " NET_GUEST " tcp dport 22 accept\n"
                "  oifname \"" NET_TAP
                "\" icmp type { echo-reply, destination-unreachable, time-exceeded } accept\n"
                "  oifname \"" NET_OUT "\" ip daddr " NET_OUTER_RESOLVER
                " meta l4proto { tcp, udp } th dport 53 accept\n"
                "  oifname \"" NET_OUT "\" meta l4proto tcp jump from_proxy\n"
                " }\n";

static void print_each_local(FILE *f, const char *before, const char *after) {
        for (size_t i = 0; i < ELEMENTSOF(local_networks); i++) {
                const AllowRule network = {
                        .address = local_networks[i].address,
                        .prefix = local_networks[i].prefix,
                };
                char text[ALLOW_NETWORK_MAX];

                allow_rule_print_network(&network, text);
                fprintf(f, "%s%s%s", before, text, after);
        }
}

void policy_print_local_networks(FILE *f) {
        print_each_local(f, " ", "");
}

bool policy_is_local(const char *address) {
        struct in_addr binary;

        if (inet_pton(AF_INET, address, &binary) != 1)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(local_networks); i++)
                if ((ntohl(binary.s_addr) ^ local_networks[i].address) >> (32 - local_networks[i].prefix) ==
                                0)
                        return true;
        return false;
}

void policy_print_table(FILE *f, const Policy *p) {
        fputs("table inet vm {\n", f);
        fputs(constant_part, f);
        print_each_port(f, p, print_set);
        print_changing_chains(f, p);
        fputs("}\n", f);
        print_each_local(f, "add element inet vm local_nets { ", " }\n");
}

static void print_flush(FILE *f, unsigned port) {
        fprintf(f, "flush set inet vm " SET_NAME "\n", port);
}

static void print_known(FILE *f, const Policy *p, const PolicyAddress *known) {
        for (size_t i = 0; i < p->n_rules; i++) {
                const AllowRule *rule = &p->rules[i].rule;

                if (rule->kind == ALLOW_NAME && is_below(known->name, rule->name))
                        fprintf(f, "add element inet vm " SET_NAME " { %s }\n", rule->port, known->address);
        }
}

void policy_print_change(FILE *f, const Policy *p, const PolicyAddress *known, size_t n_known) {
        static const char *const chains[] = { "judge", "allow", "guest_to_world", "host_ports", "to_proxy",
                "from_proxy" };

        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                fprintf(f, "flush chain inet vm %s\n", chains[i]);
        fputs("table inet vm {\n", f);
        print_each_port(f, p, print_set);
        print_changing_chains(f, p);
        fputs("}\n", f);
        print_each_port(f, p, print_flush);
        for (size_t i = 0; i < n_known; i++)
                print_known(f, p, &known[i]);
}

void policy_print_own(FILE *f, char *const *addresses, char *const *networks) {
        fputs("flush set inet vm own_addresses\nflush set inet vm own_nets\n", f);
        for (; addresses && *addresses; addresses++)
                fprintf(f, "add element inet vm own_addresses { %s }\n", *addresses);
        for (; networks && *networks; networks++)
                fprintf(f, "add element inet vm own_nets { %s }\n", *networks);
}

/* --- dnsmasq --------------------------------------------------------------------------- */

void policy_print_tls_names(FILE *f, const Policy *p) {
        for (size_t i = 0; i < p->n_rules; i++) {
                const AllowRule *rule = &p->rules[i].rule;

                if (rule->kind == ALLOW_NAME && (rule->port == 0 || rule->port == 443))
                        fprintf(f, ".%s\n", rule->name);
        }
}

/* dnsmasq takes the line with the longest name, so that line has the sets of all names above it, too. */
static void print_sets_of_name(FILE *f, const Policy *p, const char *name) {
        const char *separator = "";

        fprintf(f, "nftset=/%s/", name);
        for (size_t i = 0; i < p->n_rules; i++) {
                const AllowRule *rule = &p->rules[i].rule;

                if (rule->kind != ALLOW_NAME || !is_below(name, rule->name))
                        continue;
                fprintf(f, "%s4#inet#vm#" SET_NAME, separator, rule->port);
                separator = ",";
        }
        fputc('\n', f);
}

static bool is_first_of_name(const Policy *p, size_t i) {
        for (size_t j = 0; j < i; j++)
                if (p->rules[j].rule.kind == ALLOW_NAME &&
                                strcmp(p->rules[j].rule.name, p->rules[i].rule.name) == 0)
                        return false;
        return true;
}

/* All of these lines are for a name and all below it. */
static void print_resolver_name(FILE *f, const Policy *p, const char *name) {
        fprintf(f, "server=/%s/" NET_OUTER_RESOLVER "\n", name);
        print_sets_of_name(f, p, name);
}

/* A name may lead to a local address: nftables decides about those, and its refusal names the address. */
void policy_print_resolver(FILE *f, const Policy *p) {
        fputs("no-resolv\n"
              "no-hosts\n"
              "listen-address=" NET_RESOLVER "\n"
              "bind-interfaces\n"
              "pid-file=\n"
              "user=nobody\n"
              "log-queries=extra\n"
              "log-facility=-\n"
              /* guests have IPv4 */
              "filter-AAAA\n"
              "cache-size=1000\n"
              /* below the day of the sets, and short, for an address that has just left one */
              "max-cache-ttl=300\n"
              "dns-forward-max=150\n"
              "address=/host/" NET_GATEWAY "\n",
                        f);
        if (p->mode == POLICY_ALLOW || p->mode == POLICY_NONE)
                fputs("address=/#/\n", f); /* no other name leaves this machine */
        else
                fputs("server=" NET_OUTER_RESOLVER "\n", f);
        for (size_t i = 0; p->mode == POLICY_ALLOW && i < p->n_rules; i++)
                if (p->rules[i].rule.kind == ALLOW_NAME && is_first_of_name(p, i))
                        print_resolver_name(f, p, p->rules[i].rule.name);
}
