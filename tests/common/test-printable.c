#include "tests/test.h"

#include "common/printable.h"

#define CONTROL "a control character"
#define NO_UTF8 "a byte that is not UTF-8"
#define REORDERS "a character that reorders text"

static const struct {
        const char *text, *why, *clean; /* clean NULL: as it is */
} rows[] = {
        { "", NULL, NULL },
        { "a b~ é€😀\U0010FFFF", NULL, NULL },
        { "\u00A0\u200B\u200D\u2065\u202F\uFEFF", NULL, NULL },
        { "a\nb", CONTROL, "a?b" },
        { "a\tb", CONTROL, "a b" },
        { "\033]0;x\a", CONTROL, "?]0;x?" },
        { "\x7f", CONTROL, "?" },
        /* CSI of one character: some terminals take it for ESC [ */
        { "\xc2\x9b"
          "31m",
                        CONTROL, "?31m" },
        { "\xc2\x80\xc2\x9f", CONTROL, "??" },
        { "\u202Eabc", REORDERS, "?abc" },
        { "\u061C\u200E\u200F\u2028\u2029\u202A\u2066\u2069", REORDERS, "????????" },
        { "a\xff", NO_UTF8, "a?" },
        { "\x9b", NO_UTF8, "?" },
        /* cut, too long, a surrogate, too large */
        { "\xc3", NO_UTF8, "?" },
        { "\xe2\x82", NO_UTF8, "??" },
        { "\xf0\x9f\x98", NO_UTF8, "???" },
        { "\xc0\x8a", NO_UTF8, "??" },
        { "\xe0\x80\x8a", NO_UTF8, "???" },
        { "\xed\xa0\x80", NO_UTF8, "???" },
        { "\xf4\x90\x80\x80", NO_UTF8, "????" },
        { "\xf8\x88\x80\x80\x80", NO_UTF8, "?????" },
        { "\xc3\n", NO_UTF8, "??" },
};

static void test_check(void **state) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                const char *why = printable_check(rows[i].text);

                if (rows[i].why)
                        assert_string_equal(why, rows[i].why);
                else
                        assert_null(why);
        }
}

static void test_check_line(void **state) {
        assert_null(printable_check_line("a\tb", 3));
        assert_null(printable_check_line("a\nb", 1));
        assert_string_equal(printable_check_line("a\tb\n", 4), CONTROL);
        assert_string_equal(printable_check_line("a\0b", 3), CONTROL);
        /* cut in the middle of a character */
        assert_string_equal(printable_check_line("é", 1), NO_UTF8);
}

static void test_clean(void **state) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                char *clean = printable_copy(rows[i].text);

                assert_string_equal(clean, rows[i].clean ?: rows[i].text);
                assert_null(printable_check(clean));
                free(clean);
        }
}

/* Whatever the bytes, what is cleaned is clean. */
static void test_every_byte_pair(void **state) {
        for (unsigned a = 1; a < 256; a++)
                for (unsigned b = 0; b < 256; b++) {
                        char text[] = { (char) a, (char) b, '\0' };

                        printable_clean(text);
                        assert_null(printable_check(text));
                }
}

static void cut(const char *text, size_t max, const char *expected) {
        char copy[32];

        strcpy(copy, text);
        printable_cut(copy, max);
        assert_string_equal(copy, expected);
}

static void test_cut(void **state) {
        cut("abc", 3, "abc");
        cut("abc", 2, "ab");
        cut("aé", 2, "a");
        cut("😀", 3, "");
}

static void fit(const char *text, unsigned columns, const char *expected, unsigned expected_columns) {
        unsigned used;

        assert_int_equal(printable_fit(text, columns, &used), strlen(expected));
        assert_memory_equal(text, expected, strlen(expected));
        assert_int_equal(used, expected_columns);
        assert_int_equal(printable_fit(text, columns, NULL), strlen(expected));
}

static void test_fit(void **state) {
        fit("abc", 3, "abc", 3);
        fit("abc", 2, "ab", 2);
        fit("abc", 0, "", 0);
        fit("é한😀", 5, "é한😀", 5);
        /* half of a wide one does not fit */
        fit("é한😀", 4, "é한", 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_check),
                cmocka_unit_test(test_check_line),
                cmocka_unit_test(test_clean),
                cmocka_unit_test(test_every_byte_pair),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_fit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
