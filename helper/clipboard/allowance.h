/* How often a guest may ask for the clipboard. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "helper/line-limit.h"

/* A paste is two questions: which types there are, and the image. */
#define ALLOWANCE_BURST 10U /* in ten seconds */
#define ALLOWANCE_HOUR 120U

typedef struct Allowance {
        LineLimit limit;
} Allowance;

/* True if a question that comes at `now_usec` may be answered. `ret_first` is true for the first one of
 * those in a row that may not: the caller says so then, and only then. */
bool allowance_take(Allowance *a, uint64_t now_usec, bool *ret_first);
