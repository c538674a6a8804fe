#include "helper/claude-run/memory.h"

#include <stdio.h>
#include <stdlib.h>

void memory_need(bool had) {
        if (had)
                return;
        /* without fail(), which needs memory itself */
        fputs("claude-run: No memory\n", stderr);
        exit(EXIT_FAILURE);
}
