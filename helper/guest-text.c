/* Escape sequences are dropped whole (ECMA-48: ESC, CSI … final byte, and the strings
 * OSC, DCS, PM, APC up to BEL or ST), so that what is left reads well and can do
 * nothing to the terminal of whoever reads the journal. */

#include "guest-text.h"

#include <stdbool.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at `s`, 0 if there is none; C1 controls count as none. */
static size_t utf8_length(const unsigned char *s) {
        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xC2 && s[0] <= 0xDF)
                return (s[1] & 0xC0) == 0x80 && !(s[0] == 0xC2 && s[1] < 0xA0) ? 2 : 0;
        if (s[0] >= 0xE0 && s[0] <= 0xEF) {
                if ((s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80 || (s[0] == 0xE0 && s[1] < 0xA0) ||
                                (s[0] == 0xED && s[1] > 0x9F))
                        return 0;
                return 3;
        }
        if (s[0] >= 0xF0 && s[0] <= 0xF4) {
                if ((s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80 || (s[3] & 0xC0) != 0x80 ||
                                (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
                        return 0;
                return 4;
        }
        return 0;
}

/* What reorders or breaks a line although it is no control character: marks, embeddings, overrides and
 * isolates of bidirectional text, line and paragraph separators. With them a log would read otherwise than
 * it is. */
static bool misleads(const unsigned char *s, size_t n) {
        static const struct {
                unsigned first, last;
        } ranges[] = { { 0x061C, 0x061C }, { 0x200E, 0x200F }, { 0x2028, 0x202E }, { 0x2066, 0x2069 } };
        unsigned c = n == 2      ? (s[0] & 0x1FU) << 6 | (s[1] & 0x3FU)
                        : n == 3 ? (s[0] & 0x0FU) << 12 | (s[1] & 0x3FU) << 6 | (s[2] & 0x3FU)
                                 : 0;

        for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

void guest_text_clean(char *s) {
        char *out = s;

        while (*s) {
                size_t n = utf8_length((unsigned char *) s);

                if (n == 0 || (n == 1 && ((unsigned char) *s < 0x20 || *s == 0x7F))) {
                        *out++ = *s++ == '\t' ? ' ' : '?';
                } else if (misleads((unsigned char *) s, n)) {
                        *out++ = '?';
                        s += n;
                } else {
                        memmove(out, s, n);
                        out += n;
                        s += n;
                }
        }
        *out = '\0';
}

static void end_line(GuestText *t) {
        t->line[t->size] = '\0';
        t->size = 0;
        guest_text_clean(t->line);
        if (t->line[strspn(t->line, " ")] != '\0')
                t->handler(t->userdata, t->line);
}

static void add_byte(GuestText *t, char c) {
        if (c == '\n' || t->size == GUEST_LINE_MAX)
                end_line(t);
        if (c == '\t' || (unsigned char) c >= 0x20)
                t->line[t->size++] = c;
}

static void feed_byte(GuestText *t, char c) {
        switch (t->state) {
        case TEXT:
                if (c == '\033')
                        t->state = ESCAPE;
                else
                        add_byte(t, c);
                break;
        case ESCAPE:
                t->state = c == '[' ? CONTROL_SEQUENCE : strchr("]PX^_", c) && c ? STRING : TEXT;
                if (c == '\n')
                        end_line(t);
                break;
        case CONTROL_SEQUENCE:
                if ((c >= 0x40 && c <= 0x7E) || c == '\n')
                        t->state = TEXT;
                if (c == '\n')
                        end_line(t);
                break;
        case STRING:
                /* a guest that never ends its string must not swallow its own log */
                if (c == '\a' || c == '\033' || c == '\n')
                        t->state = c == '\033' ? ESCAPE : TEXT;
                if (c == '\n')
                        end_line(t);
                break;
        }
}

void guest_text_feed(GuestText *t, const char *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                feed_byte(t, data[i]);
}

void guest_text_end(GuestText *t) {
        if (t->size > 0)
                end_line(t);
}
