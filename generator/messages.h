/* What the generator says about one configuration file: lines `PATH:LINE: text` on stderr,
 * and the first error kept for the unit that must repeat it. Every line is cleaned, see common/printable.h.
 */
#pragma once

#include <stdbool.h>

/* A place is a line and its file: 0 is the ini itself, 1, 2 … are the files of defaults that count below it.
 * A plain line number is a place in the ini; line 0 stands for none. */
#define PLACE_LINES (1U << 20)
#define PLACE(file, line) ((file) * PLACE_LINES + (line))
#define PLACE_FILE(place) ((place) / PLACE_LINES)
#define PLACE_LINE(place) ((place) % PLACE_LINES)

typedef struct Messages {
        const char *path;      /* borrowed; of the file being read */
        char *const *defaults; /* borrowed; the paths of files 1, 2 … */
        char *first_error;     /* owned: "PATH:LINE: text", NULL while there is none */
        unsigned n_errors, n_warnings;
} Messages;

#define MESSAGES_MAX 20U /* errors of a file that are printed, and warnings; the rest is counted */

/* `place` 0 leaves the line out. An error marks the file as broken. */
void messages_error(Messages *m, unsigned place, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
void messages_warning(Messages *m, unsigned place, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

/* The path of a place's file. */
const char *messages_path(const Messages *m, unsigned place);

/* Takes an error over that has been said: it breaks this file as well. 0, -ENOMEM. */
int messages_inherit(Messages *m, const char *error);

/* Says nothing more, or again; errors are counted and kept all the same. For files that were not asked for.
 */
void messages_mute(bool mute);

/* A line on stderr about no file in particular. */
void messages_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees what is owned; the struct itself is the caller's. */
void messages_done(Messages *m);
