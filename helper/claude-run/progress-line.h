/* The line that a user watches while claude-run waits:
 *
 *     NAME: what is being done [#######.......] 43 % 1.2 of 2.8 GiB, 5 s
 *
 * It is one row, however wide the terminal is, and it is redrawn in place. Without a terminal on standard
 * error nothing is printed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/progress-status.h"

#define PROGRESS_LINE_MAX 2048U /* bytes, with its NUL */

/* One moment. Strings are borrowed, and may have anything in them. */
typedef struct ProgressMoment {
        const char *name, *what;
        bool has_total;     /* false: draw no bar */
        unsigned percent;   /* 0 to 100 */
        const char *amount; /* `X of Y UNIT` */
        uint64_t seconds;
} ProgressMoment;

/* The text of the line, which takes fewer than `columns`: a terminal that is filled goes to its next row. */
void progress_line_print(const ProgressMoment *moment, unsigned columns, bool utf8,
                char ret[static PROGRESS_LINE_MAX]);

/* {} before the first. */
typedef struct ProgressLine {
        bool is_drawn;
        uint64_t begun_usec, drawn_usec; /* CLOCK_MONOTONIC */
} ProgressLine;

/* Draws the line unless it was drawn less than a tenth of a second ago. */
void progress_line_draw(
                ProgressLine *line, const char *name, const char *what, uint64_t done, uint64_t total);

/* The same with the status of a unit, which becomes a bar if it has the form of progress-status.h. */
void progress_line_draw_status(ProgressLine *line, const char *name, const char *status);

/* Removes it. */
void progress_line_end(ProgressLine *line);
