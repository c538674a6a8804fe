/* Escape sequences are dropped whole (ECMA-48: ESC, CSI … final byte, and the strings
 * OSC, DCS, PM, APC up to BEL or ST), so that what is left reads well and can do
 * nothing to the terminal of a user who reads the journal. */

#include "helper/guest-lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/printable.h"

static void end_line(GuestLines *t) {
        t->line[t->size] = '\0';
        t->size = 0;
        printable_clean(t->line);
        if (t->line[strspn(t->line, " ")] != '\0')
                t->handler(t->userdata, t->line);
}

static void add_byte(GuestLines *t, char c) {
        if (c == '\n' || t->size == GUEST_LINE_MAX)
                end_line(t);
        if (c == '\t' || (unsigned char) c >= 0x20)
                t->line[t->size++] = c;
}

static void feed_byte(GuestLines *t, char c) {
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

void guest_lines_feed(GuestLines *t, const char *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                feed_byte(t, data[i]);
}

void guest_lines_end(GuestLines *t) {
        if (t->size > 0)
                end_line(t);
}

char *guest_lines_quote(const char *text) {
        size_t n = strlen(text);
        char *quoted = malloc(n + 3);

        if (!quoted)
                return NULL;
        quoted[0] = quoted[n + 1] = '"';
        quoted[n + 2] = '\0';
        for (size_t i = 0; i < n; i++)
                quoted[i + 1] = (char) (text[i] == '"' ? '\'' : text[i]);
        return quoted;
}
