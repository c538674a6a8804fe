#include "tests/test.h"

#include <errno.h>

#include "common/allow-rule.h"

static void good(const char *text, const char *expected) {
        char printed[ALLOW_TEXT_MAX], why[ALLOW_WHY_MAX];
        AllowRule rule, again;

        if (allow_rule_parse(text, &rule, why) < 0)
                fail_msg("'%s' is refused: it %s", text, why);
        allow_rule_print(&rule, printed);
        assert_string_equal(printed, expected);
        assert_int_equal(allow_rule_parse(printed, &again, why), 0);
        assert_int_equal(again.kind, rule.kind);
        assert_int_equal(again.address, rule.address);
        assert_int_equal(again.prefix, rule.prefix);
        assert_int_equal(again.port, rule.port);
        assert_string_equal(again.name, rule.name);
}

static void test_good(void **state) {
        good("example.org", "example.org");
        good("*.Example.ORG:443", "example.org:443");
        good("xn--bcher-kva.example", "xn--bcher-kva.example");
        good("_sip.example:1", "_sip.example:1");
        good("192.168.1.10", "192.168.1.10");
        good("192.168.1.10/24", "192.168.1.0/24");
        good("10.255.255.255/1", "0.0.0.0/1");
        good("10.0.0.0/8:65535", "10.0.0.0/8:65535");
        good("8.8.8.8:53", "8.8.8.8:53");
        good("host:5432", "host:5432");
        good("Host:5432", "host:5432");
        good("@npm", "@npm");
        /* names that only begin like something else */
        good("host.example", "host.example");
        good("8.8.8.8.example", "8.8.8.8.example");
}

/* What would end a line or a word of nftables or dnsmasq, too. */
static void test_bad(void **state) {
        static const char *const bad[] = { "", ".", "a..b", ".a", "a.", "-a.example", "a-.example", "a b",
                "a/b", "a#b", "a,b", "a;b", "a{b", "a}b", "a\"b", "a\nb", "*", "*.", "*.2", "*.10.0.0.1",
                "*.host", "*.*.a", "a.*.b", "host", "hosT", "host:", "host:0", "host:65536", "a:b", "a:1:2",
                "a:+1", "a: 1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/0", "1.2.3.4/33", "1.2.3.4/x",
                "1.2.3.4/", "/24", "[::1]", "::1", "[::1]:80", "2001:db8::1", "@", "@../x", "@A/b", "@a.b",
                "bücher.example" };
        char why[ALLOW_WHY_MAX], label[65 + 9], name[300];
        AllowRule rule;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (allow_rule_parse(bad[i], &rule, why) != -EINVAL)
                        fail_msg("'%s' is taken for a rule", bad[i]);
        /* a label has 63 bytes, a name 253 */
        memset(label, 'a', 64);
        strcpy(label + 64, ".example");
        assert_int_equal(allow_rule_parse(label, &rule, why), -EINVAL);
        assert_int_equal(allow_rule_parse(label + 1, &rule, why), 0);
        for (size_t i = 0; i < sizeof(name); i++)
                name[i] = i % 2 ? '.' : 'a';
        name[254 + 1] = '\0';
        assert_int_equal(allow_rule_parse(name, &rule, why), -EINVAL);
        name[253] = '\0';
        assert_int_equal(allow_rule_parse(name, &rule, why), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
