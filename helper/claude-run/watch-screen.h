/* What `list --watch` draws, as lines. */
#pragma once

#include <stdio.h>

#include "helper/claude-run/vm-rows.h"

/* Nothing is known of the time of its CPUs. */
#define WATCH_CPU_UNKNOWN UINT64_MAX

typedef struct WatchScreen {
        const VmRows *rows;
        const uint64_t *cpu; /* of each row, in per cent of one CPU */
        size_t selected;
        unsigned lines, columns; /* of the terminal */
        const char *message;     /* of the last line; NULL: the keys */
} WatchScreen;

/* The whole screen, without its first escape sequence: it begins at the first line. */
void watch_screen_print(FILE *f, const WatchScreen *screen);
