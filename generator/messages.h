/* What the generator says about one configuration file: lines `PATH:LINE: text` on stderr,
 * and the first error kept for the unit that must repeat it. Every line is cleaned, see common/printable.h.
 */
#pragma once

typedef struct Messages {
        const char *path;  /* borrowed; of the file being read */
        char *first_error; /* owned: "PATH:LINE: text", NULL while there is none */
        unsigned n_errors, n_warnings;
} Messages;

#define MESSAGES_MAX 20U /* errors of a file that are printed, and warnings; the rest is counted */

/* `line` 0 leaves the line out. An error marks the file as broken. */
void messages_error(Messages *m, unsigned line, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
void messages_warning(Messages *m, unsigned line, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

/* A line on stderr about no file in particular. */
void messages_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees what is owned; the struct itself is the caller's. */
void messages_done(Messages *m);
