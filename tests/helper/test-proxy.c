/* What haproxy is told, and what it says. */

#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/unix-socket.h"
#include "config.h"
#include "helper/net/proxy-config.h"
#include "helper/net/proxy-log.h"
#include "helper/net/verdicts.h"
#include "tests/helper/policy.h"
#include "tests/scratch.h"

static char *print_config(const ProxyConfig *c) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        proxy_config_print(f, c);
        fclose(f);
        return text;
}

#define assert_says(text, what) assert_non_null(strstr(text, what))
#define assert_silent(text, what) assert_null(strstr(text, what))

static void assert_order(const char *text, const char *before, const char *after) {
        const char *first = strstr(text, before), *second = strstr(text, after);

        assert_non_null(first);
        assert_non_null(second);
        assert_true(first < second);
}

static ProxyConfig claude(const char *keys) {
        ProxyConfig c = { .api = api_find("claude"), .keys = keys };

        api_upstream_default(c.api, &c.upstream);
        return c;
}

/* --- addresses ------------------------------------------------------------------------- */

static void test_upstream(void **state) {
        static const struct {
                const char *url, *canonical;
                bool is_local, is_address;
        } good[] = {
                { "https://gateway.example.org", "https://gateway.example.org:443", false, false },
                { "http://10.0.2.2:1234", "http://10.0.2.2:1234", true, true },
                { "http://host:1/a/b//", "http://host:1/a/b", true, false },
                { "http://localhost:4000", "http://localhost:4000", true, false },
                { "https://Localhost", "https://Localhost:443", true, false },
                { "http://127.0.0.1:8080", "http://127.0.0.1:8080", true, true },
                { "https://192.168.1.9:8443/v1", "https://192.168.1.9:8443/v1", false, true },
        };
        char text[API_URL_MAX], why[API_WHY_MAX];
        ApiUpstream u;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(api_upstream_parse(good[i].url, &u, why), 0);
                api_upstream_print(&u, text);
                assert_string_equal(text, good[i].canonical);
                assert_int_equal(u.is_local, good[i].is_local);
                assert_int_equal(u.is_address, good[i].is_address);
                assert_int_equal(api_upstream_parse(text, &u, why), 0);
        }
}

static void test_bad_upstream(void **state) {
        static const char *const bad[] = { "", "example.org", "ftp://example.org", "https://", "https://:1",
                "https://user@example.org", "https://example.org:0", "https://example.org:65536",
                "https://example.org:+1", "https://example.org:1x", "https://example.org/a b",
                "https://example.org/../b", "https://example.org/%2e", "https://example.org/'\"",
                "https://example.org/$X", "https://example.org?x=1", "https://a b.org", "https://a\"b.org",
                "https://[::1]:80", "https://1.2.3.4/24\n", "http://10.0.2.2:8080", "http://127.0.0.2:4000",
                "http://127.1.1.1" };
        char why[API_WHY_MAX];
        ApiUpstream u;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (api_upstream_parse(bad[i], &u, why) != -EINVAL)
                        fail_msg("'%s' passes", bad[i]);
}

/* No placeholder may be a part of another, or of a header that is accepted for another key. */
static void test_placeholders_differ(void **state) {
        for (const ApiKey *a = api_keys; a->agent; a++)
                for (const ApiKey *b = api_keys; b->agent; b++)
                        if (a != b)
                                assert_string_not_equal(a->placeholder, b->placeholder);
}

/* --- haproxy --------------------------------------------------------------------------- */

static void test_one_key(void **state) {
        const ProxyConfig c = claude("ANTHROPIC_API_KEY");
        _cleanup_free_ char *text = print_config(&c);

        assert_says(text,
                        "set-var(txn.ANTHROPIC_API_KEY) bool(true) if { req.fhdr(x-api-key) -m str "
                        "'sk-ant-api03-claude-microvm-placeholder-the-key-is-on-the-host' }\n");
        assert_says(text,
                        "    http-request set-header x-api-key '%[env(ANTHROPIC_API_KEY)]' if { var(txn.ANTHROPIC_API_KEY) -m bool }\n");
        assert_says(text, " unless has_placeholder\n");
        assert_says(text, "del-header authorization\n");
        assert_says(text,
                        "server api 0.0.0.0:443 ssl ca-file /etc/ca.crt sni str(api.anthropic.com) verifyhost api.anthropic.com ");
        assert_says(text, "do-resolve(txn.address,outer,ipv4) str(api.anthropic.com)\n");
        assert_silent(text, "CLAUDE_CODE_OAUTH_TOKEN");
        assert_silent(text, "set-path");
        assert_silent(text, "gpc0-");
}

/* The removal of what the guest has sent comes before the key, and after the look at it. */
static void test_order(void **state) {
        const ProxyConfig c = claude("ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN");
        _cleanup_free_ char *text = print_config(&c);

        assert_order(text, "txn.ANTHROPIC_AUTH_TOKEN) bool(true)", "unless has_placeholder");
        assert_order(text, "unless has_placeholder", "del-header");
        assert_order(text, "del-header", "%[env(");
        assert_says(text, "set-header authorization 'Bearer %[env(ANTHROPIC_AUTH_TOKEN)]'");
}

static void test_beta_is_joined(void **state) {
        const ProxyConfig c = claude("CLAUDE_CODE_OAUTH_TOKEN");
        _cleanup_free_ char *text = print_config(&c);

        assert_says(text, "set-header anthropic-beta '%[req.fhdr(anthropic-beta)],oauth-2025-04-20' if ");
        assert_silent(text, "add-header");
}

static void test_other_addresses(void **state) {
        ProxyConfig c = { .api = api_find("codex"), .keys = "OPENAI_API_KEY", .budget = 12 };
        _cleanup_free_ char *local = NULL, *own = NULL;
        char why[API_WHY_MAX];

        assert_int_equal(api_upstream_parse("http://host:4000/openai", &c.upstream, why), 0);
        local = print_config(&c);
        assert_says(local, "server api 192.0.0.4:4000\n");
        assert_says(local, "set-path /openai%[path,bytes(3)]\n");
        assert_says(local, "{ sc0_gpc0_rate(budget) ge 12 }\n");
        assert_silent(local, "str(host)");
        api_upstream_default(c.api, &c.upstream);
        own = print_config(&c);
        assert_silent(own, "set-path");
        assert_says(own, "set-header host api.openai.com\n");
}

static void test_names_alone(void **state) {
        const ProxyConfig c = {};
        _cleanup_free_ char *text = print_config(&c);

        assert_silent(text, "frontend api");
        assert_says(text, "frontend tls\n");
        assert_says(text, "var(txn.dotted) -m end -f /etc/names }\n");
        assert_says(text, " 169.254.0.0/16 ");
        assert_says(text, "%[var(txn.name),url_enc]\"\n");
}

/* --- rules ----------------------------------------------------------------------------- */

static void test_without_proxy(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW };
        _cleanup_free_ char *text = NULL;

        policy_add_word(&p, "example.org");
        text = policy_text(policy_print_table, &p);
        assert_says(text, " chain to_proxy {\n }\n");
        assert_says(text, " chain from_proxy {\n }\n");
        assert_silent(text, "redirect");
}

/* The proxy alone leads out of Mode=none, and to one address. */
static void test_mode_none(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_NONE, .has_proxy = true, .has_api = true };
        _cleanup_free_ char *text = NULL;
        char why[API_WHY_MAX];

        assert_int_equal(api_upstream_parse("http://10.0.2.2:4000", &p.upstream, why), 0);
        text = policy_text(policy_print_table, &p);
        assert_says(text,
                        " chain to_proxy {\n  ip daddr != 10.0.2.2 return\n  tcp dport 8080 counter name allowed accept\n }\n"
                        " chain from_proxy {\n"
                        "  ip daddr 192.0.0.4 tcp dport 4000 accept\n"
                        "  ip daddr @local_nets reject with tcp reset\n"
                        "  ip daddr @own_nets reject with tcp reset\n"
                        "  reject with tcp reset\n"
                        " }\n");
        assert_says(text, " chain judge {\n  goto refuse\n }\n");
        assert_silent(text, "redirect to");
}

static void test_mode_allow(void **state) {
        _cleanup_(policy_done) Policy p = { .mode = POLICY_ALLOW, .has_proxy = true, .generation = 3 };
        _cleanup_free_ char *text = NULL, *names = NULL;

        policy_add_word(&p, "example.org");
        policy_add_word(&p, "git.example.org:22");
        policy_add_word(&p, "api.example.net:443");
        policy_add_word(&p, "192.168.1.0/24:443");
        policy_add_word(&p, "192.168.2.1:22");
        text = policy_text(policy_print_table, &p);
        assert_says(text, "  iifname \"vm0\" ip daddr 192.168.1.0/24 tcp dport 443 return\n");
        assert_silent(text, "192.168.2.1 tcp dport 443 return");
        assert_says(text, "  iifname \"vm0\" tcp dport 443 redirect to :8443\n");
        assert_says(text,
                        "  tcp dport 8443 ct status dnat ct mark 3 counter name allowed accept\n"
                        "  tcp dport 8443 ct status dnat ct original ip daddr @names_0 accept\n"
                        "  tcp dport 8443 ct status dnat ct original ip daddr @names_443 accept\n }\n");
        assert_says(text, "  tcp dport 443 accept\n  reject with tcp reset\n");
        /* before any name, after the addresses */
        assert_order(text, "  ip daddr 192.168.2.1 meta", "th dport 443 goto refuse\n");
        assert_order(text, "th dport 443 goto refuse\n", "@names_0 goto allow");
        names = policy_text(policy_print_tls_names, &p);
        assert_string_equal(names, ".example.org\n.api.example.net\n");
}

/* --- haproxy itself -------------------------------------------------------------------- */

static void replace(char **text, const char *from, const char *to) {
        char *found;

        while ((found = strstr(*text, from))) {
                char *before = *text;

                *found = '\0';
                *text = strjoin(before, to, found + strlen(from), NULL);
                assert_non_null(*text);
                free(before);
        }
}

/* Reads the configuration, with files in the place of what is in haproxy's own root directory. */
static void assert_haproxy_takes(const ProxyConfig *c) {
        _cleanup_free_ char *text = print_config(c), *command = NULL;
        FILE *f;

        replace(&text, PROXY_NAMES_PATH, "/dev/null");
        replace(&text, " ca-file " PROXY_CA_PATH, " verify none");
        f = fopen(scratch_path("haproxy.cfg"), "we");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        command = strjoin(HAPROXY_PATH " -c -f ", scratch_path("haproxy.cfg"), " >/dev/null", NULL);
        assert_non_null(command);
        assert_int_equal(system(command), 0);
}

/* haproxy inherits it. */
static void listen_for_admin(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        assert_true(fd >= 0);
        assert_int_equal(unix_bind(fd, scratch_path("admin")), 0);
        assert_int_equal(listen(fd, 1), 0);
        if (fd == PROXY_ADMIN_FD)
                return;
        assert_int_equal(dup2(fd, PROXY_ADMIN_FD), PROXY_ADMIN_FD);
        close(fd);
}

/* Where this machine has it. */
static void test_haproxy_takes_all(void **state) {
        static const char *const upstreams[] = { NULL, "http://host:4000/x", "https://192.168.1.9:8443/v1" };
        static const char *const agents[][2] = { { "claude", "ANTHROPIC_API_KEY CLAUDE_CODE_OAUTH_TOKEN" },
                { "codex", "OPENAI_API_KEY" }, { "gemini", "GEMINI_API_KEY" } };
        char why[API_WHY_MAX];

        if (access(HAPROXY_PATH, X_OK) < 0)
                skip();
        listen_for_admin();
        assert_haproxy_takes(&(ProxyConfig) {});
        for (size_t i = 0; i < ELEMENTSOF(agents); i++)
                for (size_t j = 0; j < ELEMENTSOF(upstreams); j++) {
                        ProxyConfig c = {
                                .api = api_find(agents[i][0]), .keys = agents[i][1], .budget = (unsigned) j
                        };

                        if (upstreams[j])
                                assert_int_equal(api_upstream_parse(upstreams[j], &c.upstream, why), 0);
                        else
                                api_upstream_default(c.api, &c.upstream);
                        assert_haproxy_takes(&c);
                }
        close(PROXY_ADMIN_FD);
}

/* --- the log --------------------------------------------------------------------------- */

static void test_log(void **state) {
        ProxyLine line = proxy_log_parse("api 200 1534 8012 2312 -- 12/200 POST /v1/messages");

        assert_int_equal(line.word, PROXY_API);
        assert_int_equal(line.status, 200);
        assert_int_equal(line.sent, 1534);
        assert_int_equal(line.received, 8012);
        assert_string_equal(line.method, "POST");
        assert_string_equal(line.path, "/v1/messages");
        line = proxy_log_parse("tls name 93.184.216.34 evil.example");
        assert_int_equal(line.word, PROXY_NAME_REFUSED);
        assert_string_equal(line.name, "evil.example");
        assert_string_equal(line.address, "93.184.216.34");
        assert_string_equal(proxy_log_parse("tls none 93.184.216.34 -").name, "");
        assert_int_equal(proxy_log_parse("tls local 1.1.1.1 nas.example").word, PROXY_NAME_LOCAL);
        assert_int_equal(proxy_log_parse("tls allowed 1.1.1.1 a.example").word, PROXY_NAME_ALLOWED);
        /* as haproxy writes bytes that no name has */
        line = proxy_log_parse("tls name 1.1.1.1 e%0Aapi%20200%20%25s.example");
        assert_string_equal(line.name, "e%0Aapi%20200%20%25s.example");
        /* what a guest makes of it stays within the buffers, and refused */
        assert_int_equal(proxy_log_parse("tls surely 1.1.1.1 a.example").word, PROXY_NAME_REFUSED);
        assert_string_equal(proxy_log_parse("tls name elsewhere a.example").address, "");
        assert_int_equal(proxy_log_parse("Server api is DOWN").word, PROXY_ITSELF);
        assert_int_equal(proxy_log_parse("").word, PROXY_ITSELF);
}

static void test_api_totals(void **state) {
        static const char *const lines[] = { "api 200 10 100 5 -- 1/2 POST /v1/messages",
                "api 200 20 200 5 -- -/2 GET /v1/models", "api 429 30 300 5 -- 2/2 POST /v1/messages" };
        ApiTotals totals = {};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                ProxyLine line = proxy_log_parse(lines[i]);

                api_totals_add(&totals, &line);
        }
        assert_int_equal(totals.requests, 3);
        assert_int_equal(totals.errors, 1);
        assert_int_equal(totals.sent, 60);
        assert_int_equal(totals.received, 600);
        assert_int_equal(totals.spent, 2);
        assert_int_equal(totals.budget, 2);
}

/* SNI is what the guest likes it to be. */
static void test_no_word_for_other_than_names(void **state) {
        static const char *const names[] = { "@npm", "0.0.0.0/0", "10.0.0.1", "host:22", "a b", "*", "a%20b",
                "e%0Aapi.example" };
        char word[ALLOW_TEXT_MAX];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                Verdict verdict = { .refused = true, .address = "44.113.0.1", .protocol = 6, .port = 443 };

                snprintf(verdict.name, sizeof(verdict.name), "%s", names[i]);
                if (verdict_remedy(&verdict, word))
                        fail_msg("'%s' is offered as Allow=%s", names[i], word);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_upstream),
                cmocka_unit_test(test_bad_upstream),
                cmocka_unit_test(test_placeholders_differ),
                cmocka_unit_test(test_one_key),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_beta_is_joined),
                cmocka_unit_test(test_other_addresses),
                cmocka_unit_test(test_names_alone),
                cmocka_unit_test(test_without_proxy),
                cmocka_unit_test(test_mode_none),
                cmocka_unit_test(test_mode_allow),
                cmocka_unit_test(test_haproxy_takes_all),
                cmocka_unit_test(test_log),
                cmocka_unit_test(test_api_totals),
                cmocka_unit_test(test_no_word_for_other_than_names),
        };

        return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
