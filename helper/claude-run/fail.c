#include "helper/claude-run/fail.h"

#include <stdarg.h>

#include "helper/claude-run/say.h"

int fail(int status, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say_after(stderr, "claude-run: ", format, ap);
        va_end(ap);
        fputc('\n', stderr);
        return status;
}
