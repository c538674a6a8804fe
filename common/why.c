#include "common/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int why_say(char **ret_why, int error, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(ret_why, format, ap);
        va_end(ap);
        if (r >= 0)
                return error;
        *ret_why = NULL;
        return -ENOMEM;
}
