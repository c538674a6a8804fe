/* RFC 8259. Escaped is what it asks for and all else that printable_check() refuses, so that the list is
 * safe on a terminal too and every object stays on its line. */

#include "generator/json-writer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/printable.h"

/* A code point of the basic plane: all that is escaped lies in it. */
static unsigned code_point(const unsigned char *s, size_t n) {
        return n == 1            ? s[0]
                        : n == 2 ? (s[0] & 0x1FU) << 6 | (s[1] & 0x3FU)
                                 : (s[0] & 0x0FU) << 12 | (s[1] & 0x3FU) << 6 | (s[2] & 0x3FU);
}

static bool is_utf8(const char *s) {
        const char *why;

        for (const char *end = s + strlen(s); s < end;) {
                size_t n = printable_next(s, (size_t) (end - s), &why);

                if (why && n == 1 && (unsigned char) *s >= 0x80)
                        return false;
                s += n;
        }
        return true;
}

static void print_text(FILE *f, const char *s) {
        fputc('"', f);
        for (const char *end = s + strlen(s); s < end;) {
                const char *why;
                size_t n = printable_next(s, (size_t) (end - s), &why);

                if (why) {
                        fprintf(f, "\\u%04x", code_point((const unsigned char *) s, n));
                } else {
                        if (*s == '"' || *s == '\\')
                                fputc('\\', f);
                        fwrite(s, 1, n, f);
                }
                s += n;
        }
        fputc('"', f);
}

int json_writer_add(JsonWriter *w, const JsonMember *members, size_t n) {
        const char *separator = "";

        for (size_t i = 0; i < n; i++)
                if (members[i].text && !is_utf8(members[i].text))
                        return -EILSEQ;
        fputs(w->n++ > 0 ? ",\n{" : "[{", w->f);
        for (size_t i = 0; i < n; i++) {
                if (!members[i].text && members[i].number == 0)
                        continue;
                fprintf(w->f, "%s\"%s\":", separator, members[i].key);
                if (members[i].text)
                        print_text(w->f, members[i].text);
                else
                        fprintf(w->f, "%u", members[i].number);
                separator = ",";
        }
        fputc('}', w->f);
        return 0;
}

int json_writer_end(JsonWriter *w) {
        fputs(w->n > 0 ? "]\n" : "[]\n", w->f);
        return fflush(w->f) == 0 && !ferror(w->f) ? 0 : -EIO;
}
