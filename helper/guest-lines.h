/* Lines from a stream that a guest (or QEMU) writes: bounded, and harmless for a journal or a terminal. */
#pragma once

#include <stddef.h>

#define GUEST_LINE_MAX 1024 /* bytes of a line; a longer one comes in pieces */

typedef void (*guest_line_handler)(void *userdata, const char *line);

typedef struct GuestLines {
        guest_line_handler handler;
        void *userdata;
        char line[GUEST_LINE_MAX + 1];
        size_t size;
        enum { TEXT, ESCAPE, CONTROL_SEQUENCE, STRING } state;
} GuestLines;

/* Takes bytes as they come; the handler is called for each whole line, without escape sequences and
 * control characters, in valid UTF-8. Empty lines are left out. */
void guest_lines_feed(GuestLines *t, const char *data, size_t size);

/* Ends the stream: what is buffered becomes the last line. */
void guest_lines_end(GuestLines *t);

/* Marks the guest's words as the guest's, inside double quotes: each of its own becomes a single one, so
 * that none ends ours. Owned; NULL without memory. */
char *guest_lines_quote(const char *text);
