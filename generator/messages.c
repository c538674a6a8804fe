#include "generator/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/printable.h"

static char *__attribute__((format(printf, 3, 0))) format_message(
                const Messages *m, unsigned line, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;
        char *message = NULL;
        int r;

        if (vasprintf(&text, format, ap) < 0)
                return NULL;
        if (line > 0)
                r = asprintf(&message, "%s:%u: %s", m->path, line, text);
        else
                r = asprintf(&message, "%s: %s", m->path, text);
        if (r < 0)
                return NULL;
        printable_clean(message);
        return message;
}

void messages_say(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        if (!text)
                return;
        printable_clean(text);
        fprintf(stderr, "%s\n", text);
}

void messages_error(Messages *m, unsigned line, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list ap;

        va_start(ap, format);
        message = format_message(m, line, format, ap);
        va_end(ap);

        m->n_errors++;
        if (m->n_errors == MESSAGES_MAX + 1)
                messages_say("%s: more errors, left out", m->path);
        if (!message || m->n_errors > MESSAGES_MAX)
                return;
        messages_say("%s", message);
        if (!m->first_error)
                m->first_error = TAKE_PTR(message);
}

void messages_warning(Messages *m, unsigned line, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list ap;

        va_start(ap, format);
        message = format_message(m, line, format, ap);
        va_end(ap);

        m->n_warnings++;
        if (m->n_warnings == MESSAGES_MAX + 1)
                messages_say("%s: more warnings, left out", m->path);
        if (message && m->n_warnings <= MESSAGES_MAX)
                messages_say("%s", message);
}

void messages_done(Messages *m) {
        free(m->first_error);
        m->first_error = NULL;
}
