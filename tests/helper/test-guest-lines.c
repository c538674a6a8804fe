#include "tests/test.h"

#include "helper/guest-lines.h"

static char seen[65536];

static void handler(void *userdata, const char *line) {
        strcat(strcat(seen, line), "|");
}

static void feed(const char *data, size_t size, const char *expected) {
        GuestLines whole = { .handler = handler }, bytes = { .handler = handler };

        seen[0] = '\0';
        guest_lines_feed(&whole, data, size);
        guest_lines_end(&whole);
        assert_string_equal(seen, expected);
        /* the same however it is cut */
        seen[0] = '\0';
        for (size_t i = 0; i < size; i++)
                guest_lines_feed(&bytes, data + i, 1);
        guest_lines_end(&bytes);
        assert_string_equal(seen, expected);
}

#define FEED(text, expected) feed(text, sizeof(text) - 1, expected)

static void test_lines(void **state) {
        FEED("a\nb\r\n\n  \nc", "a|b|c|");
        FEED("a\tb\n", "a b|");
        FEED("", "");
}

static void test_escape_sequences(void **state) {
        FEED("\033[1;31mred\033[0m\n", "red|");
        FEED("\033]0;title\aafter\n", "after|");
        FEED("\033]0;title\033\\after\n", "after|");
        FEED("\033P1$r0m\033\\x\n", "x|");
        FEED("\033cx\033(By\n", "xBy|");
        FEED("\033]never ends\nnext\n", "next|");
        FEED("\033[31\nnext\n", "next|");
        FEED("\233"
             "31mx\n",
                        "?31mx|");
        FEED("\302\233"
             "31mx\n",
                        "?31mx|");
}

static void test_not_text(void **state) {
        FEED("a\0b\x01"
             "c\x7f"
             "d\n",
                        "abc?d|");
        FEED("\xff\xfe"
             "é€😀\xed\xa0\x80\n",
                        "??é€😀???|");
}

/* "Trojan source": text that a terminal shows in another order than it has. */
static void test_bidirectional_text(void **state) {
        FEED("a\u202Eb\u2066c\u2069d\u200Ee\u061Cf\n", "a?b?c?d?e?f|");
        FEED("one\u2028two\u2029three\n", "one?two?three|");
        FEED("\u05D0\u0627 \u200B\u2065 \u202F\u2060\n", "\u05D0\u0627 \u200B\u2065 \u202F\u2060|");
}

static void test_long_lines_come_in_pieces(void **state) {
        char *data = malloc(5000);
        size_t pieces = 0;

        memset(data, 'x', 5000);
        seen[0] = '\0';
        feed(data, 2, "xx|");
        GuestLines t = { .handler = handler };
        seen[0] = '\0';
        guest_lines_feed(&t, data, 5000);
        guest_lines_end(&t);
        for (const char *s = seen; *s; s++)
                pieces += *s == '|';
        assert_int_equal(pieces, 5);
        free(data);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_escape_sequences),
                cmocka_unit_test(test_not_text),
                cmocka_unit_test(test_bidirectional_text),
                cmocka_unit_test(test_long_lines_come_in_pieces),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
