/* A line end makes two lines of one, and what comes after it counts as ours. ESC and the C1 controls (U+0080
 * to U+009F) command a terminal. The marks, embeddings, overrides and isolates of bidirectional text and the
 * separators of lines and paragraphs are not control characters, but with them a text reads otherwise than
 * it is. A tab is refused as well: it separates columns. */

#include "common/printable.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The length of the UTF-8 sequence at `s` and its code point; 0 if it is none (RFC 3629). */
static size_t decode(const unsigned char *s, size_t size, unsigned *ret) {
        static const unsigned first_value[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : 4;
        unsigned c = n == 1 ? s[0] : s[0] & (0x7FU >> n);

        if (n > size || (n == 4 && (s[0] & 0xF8) != 0xF0))
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xC0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3F);
        }
        if (c < first_value[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                return 0;
        *ret = c;
        return n;
}

static bool reorders(unsigned c) {
        return c == 0x061C || (c >= 0x200E && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
                        (c >= 0x2066 && c <= 0x2069);
}

size_t printable_next(const char *s, size_t size, const char **ret_why) {
        unsigned c = 0;
        size_t n;

        *ret_why = NULL;
        /* nearly all text, and the generator runs at each login */
        if (s[0] >= 0x20 && s[0] < 0x7F)
                return 1;
        n = decode((const unsigned char *) s, size, &c);
        if (n == 0)
                *ret_why = "a byte that is not UTF-8";
        else if (c < 0x20 || (c >= 0x7F && c < 0xA0))
                *ret_why = "a control character";
        else if (reorders(c))
                *ret_why = "a character that reorders text";
        return n > 0 ? n : 1;
}

static const char *check(const char *s, size_t size, bool tabs) {
        const char *why = NULL;

        for (const char *end = s + size; s < end && !why;)
                s += tabs && *s == '\t' ? 1 : printable_next(s, (size_t) (end - s), &why);
        return why;
}

const char *printable_check(const char *s) {
        return check(s, strlen(s), false);
}

const char *printable_check_line(const char *s, size_t size) {
        return check(s, size, true);
}

void printable_clean(char *s) {
        const char *end = s + strlen(s);
        char *out = s;

        while (s < end) {
                const char *why;
                size_t n = printable_next(s, (size_t) (end - s), &why);

                if (why) {
                        *out++ = *s == '\t' ? ' ' : '?';
                } else {
                        memmove(out, s, n);
                        out += n;
                }
                s += n;
        }
        *out = '\0';
}

char *printable_copy(const char *s) {
        char *copy = strdup(s);

        if (copy)
                printable_clean(copy);
        return copy;
}

static unsigned character_columns(const char *s, size_t size) {
        /* U+1100 is the first wide one, and has three bytes */
        return size > 3 || (size == 3 && memcmp(s, "\xE1\x84\x80", 3) >= 0) ? 2 : 1;
}

size_t printable_fit(const char *s, unsigned columns, unsigned *ret_columns) {
        size_t at = 0, size = strlen(s);
        unsigned used = 0;
        const char *why;

        while (at < size) {
                size_t n = printable_next(s + at, size - at, &why);
                unsigned more = character_columns(s + at, n);

                if (used + more > columns)
                        break;
                used += more;
                at += n;
        }
        if (ret_columns)
                *ret_columns = used;
        return at;
}

void printable_cut(char *s, size_t max) {
        if (strlen(s) <= max)
                return;
        while (max > 0 && ((unsigned char) s[max] & 0xC0) == 0x80)
                max--;
        s[max] = '\0';
}
