/* Console and notify port of a guest: what gets through is printable text, and a word is one of five. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "helper/guest-lines.h"
#include "helper/vm/guest-notify.h"

/* What a terminal or a reader could take for something else: C1 controls, bidirectional controls, line
 * separators. */
static void check_unicode(const char *line) {
        static const char *const forbidden[] = { "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", "\u2066",
                "\u2067", "\u2068", "\u2069", "\u200E", "\u200F", "\u061C", "\u2028", "\u2029" };

        for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
                if (strstr(line, forbidden[i]))
                        abort();
        for (; *line; line++)
                if ((unsigned char) line[0] == 0xC2 && (unsigned char) line[1] < 0xA0)
                        abort();
}

static void handler(void *userdata, const char *line) {
        char copy[GUEST_LINE_MAX + 1];
        GuestMessage m;
        size_t n = strlen(line);

        if (n > GUEST_LINE_MAX)
                abort();
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) line[i] < 0x20 || line[i] == 0x7F)
                        abort();
        check_unicode(line);
        strcpy(copy, line);
        m = guest_notify_parse(copy);
        if (m.word == GUEST_EXIT_STATUS && (m.number < 0 || m.number > 255))
                abort();
        if (m.word == GUEST_SETUP && (m.number < -1 || m.number > 255))
                abort();
        if (m.word == GUEST_STATUS && strlen(m.text) > 200)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        GuestLines t = { .handler = handler };

        guest_lines_feed(&t, (const char *) data, size);
        guest_lines_end(&t);
        return 0;
}
