#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/memory-file.h"
#include "common/unix-socket.h"
#include "helper/json.h"
#include "helper/net/allow-list.h"
#include "helper/net/client.h"
#include "helper/net/known-names.h"
#include "helper/net/packet-log.h"
#include "helper/net/resolver-log.h"
#include "helper/net/text-answer.h"
#include "helper/net/verdicts.h"
#include "tests/capture.h"
#include "tests/helper/policy.h"
#include "tests/scratch.h"

/* --- policy ---------------------------------------------------------------------------- */

static void test_rules(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW };
        char why[ALLOW_WHY_MAX];
        AllowRule rule;

        policy_add_word(&p, "example.org:443");
        policy_add_word(&p, "example.org:443");
        assert_int_equal(p.n_rules, 1);
        assert_true(policy_allows_name(&p, "example.org"));
        assert_true(policy_allows_name(&p, "www.Example.org"));
        /* not a name that only ends so */
        assert_false(policy_allows_name(&p, "evilexample.org"));
        assert_false(policy_allows_name(&p, "org"));
        assert_false(policy_allows_name(&p, "example.org.evil"));
        assert_int_equal(allow_rule_parse("example.org", &rule, why), 0);
        assert_int_equal(policy_remove(&p, &rule), 0);
        rule.port = 443;
        assert_int_equal(policy_remove(&p, &rule), 1);
        assert_int_equal(p.n_rules, 0);
}

static void test_modes(void **state) {
        static const char *const names[] = { "internet", "allow", "none", "open" };

        for (unsigned i = 0; i < ELEMENTSOF(names); i++)
                assert_string_equal(policy_mode_name(policy_mode(names[i])), names[i]);
        /* what is not understood opens nothing */
        assert_int_equal(policy_mode("user"), POLICY_NONE);
        assert_int_equal(policy_mode(NULL), POLICY_NONE);
}

/* The chain that decides, in the order in which it does. */
static void test_table(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW, .generation = 7 };
        _cleanup_free_ char *text = NULL;

        policy_add_word(&p, "example.org:443");
        policy_add_word(&p, "example.com");
        policy_add_word(&p, "192.168.1.0/24:22");
        policy_add_word(&p, "host:5432");
        text = policy_text(policy_print_table, &p);
        assert_says(text,
                        " chain judge {\n"
                        "  ip daddr 192.0.0.4 meta l4proto { tcp, udp } th dport 5432 goto allow\n"
                        "  ip daddr 192.0.0.0/29 goto refuse\n"
                        "  ip daddr 192.168.1.0/24 meta l4proto { tcp, udp } th dport 22 goto allow\n"
                        "  ip daddr @local_nets goto refuse\n"
                        "  ip daddr @own_nets goto refuse\n"
                        "  meta l4proto { tcp, udp } th dport 443 ip daddr @names_443 goto allow\n"
                        "  ip daddr @names_0 goto allow\n"
                        "  goto refuse\n"
                        " }\n");
        assert_says(text, "ct mark set 7\n");
        assert_says(text, "ct state established ct mark 7 ");
        assert_says(text, "add element inet vm local_nets { 169.254.0.0/16 }\n");
        assert_says(text, "dnat ip to 192.0.0.4\n");
}

static void test_mode_none_has_no_rules(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_NONE };
        _cleanup_free_ char *text = NULL, *resolver = NULL;

        policy_add_word(&p, "example.org");
        policy_add_word(&p, "192.168.1.10");
        policy_add_word(&p, "host:5432");
        text = policy_text(policy_print_table, &p);
        assert_says(text, " chain judge {\n  goto refuse\n }\n");
        assert_null(strstr(text, "dnat"));
        resolver = policy_text(policy_print_resolver, &p);
        assert_says(resolver, "\naddress=/#/\n");
        assert_null(strstr(resolver, "\nserver="));
}

/* All but this machine, unless it is named. */
static void test_mode_open(void **state) {
        char *const addresses[] = { (char *) "44.0.0.2", NULL },
                    *const networks[] = { (char *) "44.0.0.0/24", NULL };
        _cleanup_(policy_done) Policy p = { .mode = POLICY_OPEN };
        _cleanup_free_ char *text = NULL, *own = NULL;
        size_t size;
        FILE *f;

        policy_add_word(&p, "44.0.0.2:80");
        text = policy_text(policy_print_table, &p);
        assert_says(text,
                        " chain judge {\n"
                        "  ip daddr 192.0.0.0/29 goto refuse\n"
                        "  ip daddr 44.0.0.2 meta l4proto { tcp, udp } th dport 80 goto allow\n"
                        "  ip daddr @own_addresses goto refuse\n"
                        "  goto allow\n"
                        " }\n");
        f = open_memstream(&own, &size);
        assert_non_null(f);
        policy_print_own(f, addresses, networks);
        assert_int_equal(fclose(f), 0);
        assert_says(own, "add element inet vm own_addresses { 44.0.0.2 }\n");
        assert_says(own, "add element inet vm own_nets { 44.0.0.0/24 }\n");
}

/* dnsmasq takes the line with the longest name alone. */
static void test_resolver(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW };
        _cleanup_free_ char *text = NULL, *internet = NULL;

        policy_add_word(&p, "example.org:443");
        policy_add_word(&p, "git.example.org:22");
        policy_add_word(&p, "git.example.org:80");
        text = policy_text(policy_print_resolver, &p);
        assert_says(text, "\nserver=/example.org/192.0.0.3\nnftset=/example.org/4#inet#vm#names_443\n");
        assert_says(text,
                        "\nserver=/git.example.org/192.0.0.3\n"
                        "nftset=/git.example.org/4#inet#vm#names_443,4#inet#vm#names_22,4#inet#vm#names_80\n");
        assert_says(text, "\naddress=/#/\n");
        assert_null(strstr(text, "\nserver=192"));
        p.mode = POLICY_INTERNET;
        internet = policy_text(policy_print_resolver, &p);
        assert_says(internet, "\nserver=192.0.0.3\n");
        assert_null(strstr(internet, "nftset"));
}

static void test_local(void **state) {
        static const char *const local[] = { "0.1.2.3", "10.0.0.1", "100.127.255.255", "127.0.0.1",
                "169.254.169.254", "172.31.255.255", "192.168.0.1", "198.19.0.1", "224.0.0.1",
                "255.255.255.255", "192.0.0.4" };
        static const char *const public[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.0.1",
                "100.128.0.0", "172.15.0.1", "172.32.0.0", "192.167.1.1", "198.20.0.0", "223.255.255.255" };

        for (size_t i = 0; i < ELEMENTSOF(local); i++)
                if (!policy_is_local(local[i]))
                        fail_msg("%s is a local address", local[i]);
        for (size_t i = 0; i < ELEMENTSOF(public); i++)
                if (policy_is_local(public[i]))
                        fail_msg("%s is a public address", public[i]);
}

/* --- lists ----------------------------------------------------------------------------- */

static int setup_lists(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("claude-microvm");
        scratch_mkdir("claude-microvm/lists");
        scratch_write("claude-microvm/lists/good.list",
                        "# a comment\n\n a.example:443 # another\r\n\t10.0.0.1\n", 0600);
        scratch_write("claude-microvm/lists/bad.list", "a.example\nb c.example d\n!\n", 0600);
        scratch_write("claude-microvm/lists/nested.list", "@good\n", 0600);
        return 0;
}

static void test_lists(void **state) {
        _cleanup_(policy_done) Policy p = {};
        char *why = NULL;

        assert_int_equal(allow_list_add_word(&p, "@good", scratch, false, &why), 0);
        assert_int_equal(p.n_rules, 2);
        assert_string_equal(p.rules[0].rule.name, "a.example");
        assert_string_equal(p.rules[0].list, "good");
        assert_int_equal(allow_list_add_word(&p, "@bad", scratch, false, &why), -EINVAL);
        assert_says(why, "bad.list:3: '!': ");
        free(why);
        assert_int_equal(allow_list_add_word(&p, "@nested", scratch, false, &why), -EINVAL);
        assert_says(why, "nested.list:1: '@good': a list cannot have another list in it");
        free(why);
        assert_int_equal(allow_list_add_word(&p, "@none", scratch, false, &why), -EINVAL);
        assert_says(why, "no list 'none'");
        free(why);
        assert_int_equal(allow_list_add_word(&p, "a_b:0", scratch, false, &why), -EINVAL);
        assert_says(why, "Allow=a_b:0: the port");
        free(why);
}

/* --- what the guest does --------------------------------------------------------------- */

static void parses(const char *text, ResolverWord word, uint64_t serial, const char *name,
                const char *address) {
        ResolverLine line = resolver_log_parse(text);

        assert_int_equal(line.word, word);
        assert_int_equal(line.serial, serial);
        assert_string_equal(line.name, name);
        assert_string_equal(line.address, address);
}

static void test_resolver_log(void **state) {
        parses("dnsmasq[41]: 7 10.0.2.15/40211 query[A] example.org from 10.0.2.15", RESOLVER_QUERY, 7,
                        "example.org", "");
        parses("dnsmasq[41]: 7 10.0.2.15/40211 reply cdn.example is 93.184.216.34", RESOLVER_ADDRESS, 7,
                        "cdn.example", "93.184.216.34");
        parses("dnsmasq: 8 10.0.2.15/1 config evil.example is NXDOMAIN", RESOLVER_REFUSED, 8, "evil.example",
                        "");
        parses("dnsmasq[41]: 9 10.0.2.15/1 reply example.org is <CNAME>", RESOLVER_OTHER, 9, "example.org",
                        "");
        parses("dnsmasq[41]: started, version 2.91 cachesize 1000", RESOLVER_STARTED, 0, "", "");
        parses("dnsmasq[41]: failed to bind", RESOLVER_ITSELF, 0, "", "");
        parses("dnsmasq[41]: 7 10.0.2.15/1 cached Example.ORG is 93.184.216.34", RESOLVER_ADDRESS, 7,
                        "example.org", "93.184.216.34");
        /* not for an address: no answer to it is one */
        parses("dnsmasq[41]: 7 10.0.2.15/1 query[TXT] example.org from 10.0.2.15", RESOLVER_OTHER, 7,
                        "example.org", "");
        parses("dnsmasq[41]: 7 10.0.2.15/1 forwarded example.org to 192.0.0.3", RESOLVER_OTHER, 7,
                        "example.org", "");
        parses("dnsmasq[41]: 7 10.0.2.15/1 config host is 10.0.2.2", RESOLVER_OTHER, 7, "host", "");
        parses("", RESOLVER_OTHER, 0, "", "");
        parses("dnsmasq", RESOLVER_OTHER, 0, "", "");
}

/* Names with blanks, as a guest asks for them and name servers may answer with them. */
static void test_resolver_log_of_a_liar(void **state) {
        static const char *const lines[] = {
                "query[A] api.anthropic.com is 6.6.6.6 x.anthropic.com from 10.0.2.15",
                "query[A] api.anthropic.com from x.anthropic.com from 10.0.2.15",
                "forwarded api.anthropic.com is 6.6.6.6 x.anthropic.com to 192.0.0.3",
                "reply api.anthropic.com is 6.6.6.6 x.anthropic.com is NXDOMAIN",
                "reply api.anthropic.com is 6.6.6.6 x.anthropic.com is <CNAME>",
                "reply api.anthropic.com is 6.6.6.6.anthropic.com is 4.4.4.4",
                "cached api.anthropic.com is 6.6.6.6 x.anthropic.com is 4.4.4.4",
                "config api.anthropic.com is NXDOMAIN x.anthropic.com is NXDOMAIN",
                "reply  api.anthropic.com is 6.6.6.6",
                "reply api.anthropic.com  is 6.6.6.6",
                "reply api.anthropic.com is 6.6.6.6 ",
                "reply api.anthropic.com is  6.6.6.6",
                "reply api.anthropic.com is",
                "reply <name unprintable> is 6.6.6.6",
                "reply .anthropic.com is 6.6.6.6",
                "reply api..anthropic.com is 6.6.6.6",
                "reply a/b.anthropic.com is 6.6.6.6",
                "reply a\"b.anthropic.com is 6.6.6.6",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                char text[256];

                snprintf(text, sizeof(text), "dnsmasq[41]: 7 10.0.2.15/40211 %s", lines[i]);
                parses(text, RESOLVER_OTHER, 0, "", "");
        }
        parses("dnsmasq[41]: 7x 10.0.2.15/1 reply a.example is 6.6.6.6", RESOLVER_OTHER, 0, "", "");
}

static void take(KnownNames *k, const char *text) {
        ResolverLine line = resolver_log_parse(text);

        assert_int_equal(known_names_take(k, &line), 0);
}

/* An address belongs to the name that was asked for, and not to its alias. */
static void test_known_names(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW };
        _cleanup_free_ PolicyAddress *known = NULL;
        _cleanup_(known_names_done) KnownNames k = {};

        take(&k, "dnsmasq[1]: 7 10.0.2.15/1 query[A] www.example.org from 10.0.2.15");
        take(&k, "dnsmasq[1]: 7 10.0.2.15/1 reply www.example.org is <CNAME>");
        take(&k, "dnsmasq[1]: 7 10.0.2.15/1 reply edge.cdn.example is 44.0.0.1");
        take(&k, "dnsmasq[1]: 8 10.0.2.15/1 query[A] other.example from 10.0.2.15");
        take(&k, "dnsmasq[1]: 8 10.0.2.15/1 cached other.example is 44.0.0.2");
        take(&k, "dnsmasq[1]: 8 10.0.2.15/1 cached other.example is 44.0.0.2");
        assert_int_equal(k.n, 2);
        assert_string_equal(known_names_find(&k, "44.0.0.1"), "www.example.org");
        assert_string_equal(known_names_find(&k, "44.0.0.3"), "");
        policy_add_word(&p, "example.org");
        assert_int_equal(known_names_allowed(&k, &p, &known), 1);
        assert_string_equal(known[0].address, "44.0.0.1");
        /* dnsmasq is started again, and its numbers with it */
        take(&k, "dnsmasq[2]: started, version 2.91 cachesize 1000");
        take(&k, "dnsmasq[2]: 7 10.0.2.15/1 query[A] evil.example from 10.0.2.15");
        take(&k, "dnsmasq[2]: 7 10.0.2.15/1 reply evil.example is 44.0.0.9");
        assert_string_equal(known_names_find(&k, "44.0.0.9"), "evil.example");
        /* a text that looks like an address */
        take(&k, "dnsmasq[2]: 8 10.0.2.15/1 query[TXT] www.example.org from 10.0.2.15");
        take(&k, "dnsmasq[2]: 8 10.0.2.15/1 reply www.example.org is 6.6.6.6");
        assert_string_equal(known_names_find(&k, "6.6.6.6"), "");
        /* a question and an answer that were not seen to belong together */
        take(&k, "dnsmasq[2]: 9 10.0.2.15/1 query[A] www.example.org is 6.6.6.6 x.example from 10.0.2.15");
        take(&k, "dnsmasq[2]: 9 10.0.2.15/1 reply www.example.org is 6.6.6.6");
        assert_string_equal(known_names_find(&k, "6.6.6.6"), "");
        /* a ring: it does not grow */
        for (unsigned i = 0; i < 2 * KNOWN_NAMES_MAX; i++) {
                ResolverLine query = { .word = RESOLVER_QUERY, .name = "x.example" },
                             line = { .word = RESOLVER_ADDRESS, .name = "x.example" };

                snprintf(line.address, sizeof(line.address), "45.%u.%u.1", i / 256, i % 256);
                query.serial = line.serial = 10 + i;
                assert_int_equal(known_names_take(&k, &query), 0);
                assert_int_equal(known_names_take(&k, &line), 0);
        }
        assert_int_equal(k.n, KNOWN_NAMES_MAX);
        assert_string_equal(known_names_find(&k, "44.0.0.1"), "");
}

static void test_packet(void **state) {
        uint8_t syn[40] = { 0x45, [9] = 6, [16] = 192, 168, 1, 10, [20] = 0x9d, 0x13, 0, 80 };
        Packet packet;

        assert_int_equal(packet_parse(syn, sizeof(syn), &packet), 0);
        assert_string_equal(packet.address, "192.168.1.10");
        assert_int_equal(packet.port, 80);
        assert_string_equal(packet_protocol_name(packet.protocol), "tcp");
        /* cut behind the header, and with a header that is longer than the packet */
        assert_int_equal(packet_parse(syn, 22, &packet), 0);
        assert_int_equal(packet.port, 0);
        syn[0] = 0x4f;
        assert_int_equal(packet_parse(syn, sizeof(syn), &packet), 0);
        assert_int_equal(packet.port, 0);
        syn[0] = 0x44;
        assert_int_equal(packet_parse(syn, sizeof(syn), &packet), -EBADMSG);
        syn[0] = 0x65;
        assert_int_equal(packet_parse(syn, sizeof(syn), &packet), -EBADMSG);
        assert_int_equal(packet_parse(syn, 19, &packet), -EBADMSG);
}

static void count(void *userdata, bool refused, const Packet *packet) {
        unsigned *n = userdata;

        assert_true(refused);
        assert_string_equal(packet->address, "192.168.1.10");
        ++*n;
}

static size_t put_attribute(uint8_t *at, uint16_t type, const void *value, size_t size) {
        const struct nlattr a = { .nla_len = (uint16_t) (NLA_HDRLEN + size), .nla_type = type };

        memcpy(at, &a, sizeof(a));
        memcpy(at + NLA_HDRLEN, value, size);
        return NLA_ALIGN((size_t) a.nla_len);
}

static void test_packet_log(void **state) {
        const uint8_t syn[24] = { 0x45, [9] = 6, [16] = 192, 168, 1, 10, [23] = 80 };
        uint8_t message[256] = {};
        struct nlmsghdr h = { .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET };
        size_t size = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
        unsigned n = 0;

        size += put_attribute(message + size, NFULA_PREFIX, "refused", 8);
        size += put_attribute(message + size, NFULA_PAYLOAD, syn, sizeof(syn));
        h.nlmsg_len = (uint32_t) size;
        memcpy(message, &h, sizeof(h));
        packet_log_parse(message, size, count, &n);
        assert_int_equal(n, 1);
        /* a length that is not true */
        for (size_t cut = 0; cut < size; cut++)
                packet_log_parse(message, cut, count, &n);
        assert_int_equal(n, 1);
}

static void test_verdicts(void **state) {
        _cleanup_(verdicts_done) Verdicts v = {};
        _cleanup_json_ sd_json_variant *list = NULL;
        Verdict lan = { .refused = true,
                .address = "192.168.1.10",
                .name = "nas.example",
                .protocol = 6,
                .port = 445,
                .by_address = true };
        const Verdict host = { .refused = true, .address = "10.0.2.2", .protocol = 6, .port = 5432 },
                      name = { .refused = true, .name = "evil.example" },
                      passed = { .address = "44.0.0.1", .protocol = 17, .port = 53 };
        char word[ALLOW_TEXT_MAX];
        const char *said;
        Capture c = capture_begin(STDERR_FILENO);

        verdicts_take(&v, &lan);
        verdicts_take(&v, &lan);
        verdicts_take(&v, &host);
        verdicts_take(&v, &name);
        verdicts_take(&v, &passed);
        said = capture_end(c);
        assert_says(said,
                        "Refused the guest nas.example at 192.168.1.10, tcp port 445; to allow it: Allow=192.168.1.10:445\n");
        assert_says(said,
                        "Refused the guest the host at 10.0.2.2, tcp port 5432; to allow it: Allow=host:5432\n");
        assert_says(said, "Refused the guest the name evil.example; to allow it: Allow=evil.example\n");
        assert_says(said, "Allowed the guest 44.0.0.1, udp port 53\n");
        /* once, with its repeats counted */
        assert_null(strstr(strstr(said, "nas.example") + 1, "nas.example"));
        assert_int_equal(v.items[0].count, 2);
        assert_int_equal(verdicts_build(&v, &list), 0);
        assert_int_equal(sd_json_variant_elements(list), 3);
        lan.by_address = false;
        assert_true(verdict_remedy(&lan, word));
        assert_string_equal(word, "nas.example:445");
        /* a flood takes the place of what is old, and not more */
        c = capture_begin(STDERR_FILENO);
        for (unsigned i = 0; i < 5 * VERDICTS_MAX; i++) {
                lan.port = i;
                verdicts_take(&v, &lan);
        }
        capture_end(c);
        assert_int_equal(v.n, VERDICTS_MAX);
}

/* --- answers --------------------------------------------------------------------------- */

static int setup_holder(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("claude-vm-net");
        scratch_mkdir("claude-vm-net/p");
        return 0;
}

/* A holder for one question: it answers with a text, or, if there is none, with a file of `size` bytes. */
static pid_t answer_once(const char *text, size_t size, int seals) {
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), client, fd, r;
        pid_t pid;

        assert_int_equal(unix_bind(listener, scratch_path("claude-vm-net/p/control")), 0);
        assert_int_equal(listen(listener, 1), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid > 0) {
                close(listener);
                return pid;
        }
        client = accept(listener, NULL, NULL);
        (void) recv(client, (char[16]) {}, 16, 0);
        if (text)
                _exit(-text_answer_send(client, text));
        fd = memory_file("test");
        r = ftruncate(fd, (off_t) size);
        _exit(r < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0 ? 1 : -unix_send_fds(client, &fd, 1, 0));
}

static int ask_once(pid_t pid, char **ret) {
        int r = net_request_text(scratch, "p", "show", ret), status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        return r;
}

static void test_answers_of_any_length(void **state) {
        static const size_t sizes[] = { 2, 8192, 8193, 300000, TEXT_ANSWER_MAX };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_free_ char *text = calloc(1, sizes[i] + 1), *got = NULL;

                memset(text, 'x', sizes[i]);
                text[sizes[i] - 1] = 'y';
                assert_int_equal(ask_once(answer_once(text, 0, 0), &got), 0);
                assert_int_equal(strlen(got), sizes[i]);
                assert_string_equal(got, text);
        }
}

/* Neither side takes more than it has said, nor a part. */
static void test_bad_answers(void **state) {
        const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
        _cleanup_free_ char *long_text = calloc(1, TEXT_ANSWER_MAX + 2);
        char *got = NULL;
        int pair[2];

        assert_int_equal(ask_once(answer_once(NULL, TEXT_ANSWER_MAX + 1, seals), &got), -EMSGSIZE);
        assert_int_equal(ask_once(answer_once(NULL, 10, F_SEAL_GROW), &got), -EBADMSG);
        assert_null(got);
        memset(long_text, 'x', TEXT_ANSWER_MAX + 1);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        assert_int_equal(text_answer_send(pair[0], long_text), -EMSGSIZE);
        close(pair[0]);
        close(pair[1]);
}

/* One that a holder would have to cut is not sent, nor is an answer that was cut taken. */
static void test_long_questions(void **state) {
        static char question[NET_MESSAGE_MAX + 2];
        int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), client, status;
        char *got = NULL;
        pid_t pid;

        memset(question, 'x', NET_MESSAGE_MAX + 1);
        assert_int_equal(unix_bind(listener, scratch_path("claude-vm-net/p/control")), 0);
        assert_int_equal(listen(listener, 2), 0);
        assert_int_equal(net_request_text(scratch, "p", question, &got), -EMSGSIZE);
        pid = fork();
        if (pid == 0) {
                client = accept(listener, NULL, NULL);
                client = accept(listener, NULL, NULL);
                (void) recv(client, (char[16]) {}, 16, 0);
                _exit(send(client, question, NET_MESSAGE_MAX + 1, 0) != NET_MESSAGE_MAX + 1);
        }
        assert_int_equal(net_request_text(scratch, "p", "show", &got), -EMSGSIZE);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        close(listener);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rules),
                cmocka_unit_test(test_modes),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_mode_none_has_no_rules),
                cmocka_unit_test(test_mode_open),
                cmocka_unit_test(test_resolver),
                cmocka_unit_test(test_local),
                cmocka_unit_test_setup_teardown(test_lists, setup_lists, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_answers_of_any_length, setup_holder, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_answers, setup_holder, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_long_questions, setup_holder, scratch_teardown),
                cmocka_unit_test(test_resolver_log),
                cmocka_unit_test(test_resolver_log_of_a_liar),
                cmocka_unit_test(test_known_names),
                cmocka_unit_test(test_packet),
                cmocka_unit_test(test_packet_log),
                cmocka_unit_test(test_verdicts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
