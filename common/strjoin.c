#include "common/strjoin.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

char *strjoin(const char *first, ...) {
        size_t size = 1;
        char *joined, *end;
        va_list ap;

        va_start(ap, first);
        for (const char *s = first; s; s = va_arg(ap, const char *))
                size += strlen(s);
        va_end(ap);

        joined = end = malloc(size);
        if (!joined)
                return NULL;
        va_start(ap, first);
        for (const char *s = first; s; s = va_arg(ap, const char *))
                end = stpcpy(end, s);
        va_end(ap);
        *end = '\0';
        return joined;
}
