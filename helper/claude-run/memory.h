/* claude-run lives for a moment, and what it leaves when it is killed the next call removes. So without
 * memory it ends, here and nowhere else. */
#pragma once

#include <stdbool.h>

/* Ends claude-run unless it `had` the memory that it asked for. */
void memory_need(bool had);

/* A pointer that is NULL without memory; it comes back only if it is not. */
#define NEED(pointer)                                                                                       \
        ({                                                                                                  \
                typeof(pointer) _needed = (pointer);                                                        \
                memory_need(_needed);                                                                       \
                _needed;                                                                                    \
        })
