/* Strings end to end. */
#pragma once

/* Joins strings up to a NULL. The result is owned; NULL: no memory. */
char *strjoin(const char *first, ...) __attribute__((sentinel));
