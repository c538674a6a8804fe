/* How many lines of a stream may pass, in a short window and in a long one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct LineWindow {
        uint64_t begin_usec;
        unsigned lines;
} LineWindow;

/* How many may pass in ten seconds, and in an hour. */
typedef struct LineBounds {
        unsigned burst, hour;
} LineBounds;

typedef struct LineLimit {
        LineWindow burst, hour;
        unsigned left_out; /* since a line passed */
} LineLimit;

/* True if a line that comes at `now_usec` passes. `ret_left_out` is then how many were left out before it:
 * the caller says so, which happens once a window. */
bool line_limit_pass(LineLimit *limit, uint64_t now_usec, unsigned *ret_left_out);

/* The same for what is no line of a journal, within bounds of its own. */
bool line_limit_pass_within(
                LineLimit *limit, const LineBounds *bounds, uint64_t now_usec, unsigned *ret_left_out);
