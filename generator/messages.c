#include "generator/messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"

static bool is_mute;

const char *messages_path(const Messages *m, unsigned place) {
        return PLACE_FILE(place) > 0 ? m->defaults[PLACE_FILE(place) - 1] : m->path;
}

static char *__attribute__((format(printf, 3, 0))) format_message(
                const Messages *m, unsigned place, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;
        char *message = NULL;
        int r;

        if (vasprintf(&text, format, ap) < 0)
                return NULL;
        if (PLACE_LINE(place) > 0)
                r = asprintf(&message, "%s:%u: %s", messages_path(m, place), PLACE_LINE(place), text);
        else
                r = asprintf(&message, "%s: %s", messages_path(m, place), text);
        if (r < 0)
                return NULL;
        printable_clean(message);
        return message;
}

void messages_mute(bool mute) {
        is_mute = mute;
}

void messages_say(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        if (is_mute)
                return;
        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        if (!text)
                return;
        printable_clean(text);
        fprintf(stderr, "%s\n", text);
}

/* Says the `n`th of its kind unless there are too many. What was said, owned, or NULL. */
static char *__attribute__((format(printf, 5, 0))) say_nth(const Messages *m, unsigned place, unsigned n,
                const char *kind, const char *format, va_list ap) {
        char *message = n <= MESSAGES_MAX ? format_message(m, place, format, ap) : NULL;

        if (n == MESSAGES_MAX + 1)
                messages_say("%s: more %s, left out", m->path, kind);
        if (message)
                messages_say("%s", message);
        return message;
}

void messages_error(Messages *m, unsigned place, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list ap;

        va_start(ap, format);
        message = say_nth(m, place, ++m->n_errors, "errors", format, ap);
        va_end(ap);
        if (!m->first_error)
                m->first_error = TAKE_PTR(message);
}

void messages_warning(Messages *m, unsigned place, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        free(say_nth(m, place, ++m->n_warnings, "warnings", format, ap));
        va_end(ap);
}

int messages_inherit(Messages *m, const char *error) {
        m->n_errors++;
        if (!m->first_error)
                m->first_error = strdup(error);
        return m->first_error ? 0 : -ENOMEM;
}

void messages_done(Messages *m) {
        free(m->first_error);
        m->first_error = NULL;
}
