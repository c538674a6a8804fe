#include "helper/claude-run/say.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "helper/claude-run/memory.h"

void say_after(FILE *f, const char *before, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;

        memory_need(vasprintf(&text, format, ap) >= 0);
        printable_clean(text);
        fprintf(f, "%s%s", before, text);
}

void say_line(FILE *f, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say_after(f, "", format, ap);
        va_end(ap);
        fputc('\n', f);
}

void say_lines(FILE *f, const char *prefix, char *text) {
        for (char *line; (line = strsep(&text, "\n"));)
                if (line[0])
                        say_line(f, "%s%s", prefix, line);
}
