#include "common/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static int take(char ***strv, char *s) {
        size_t n = strv_length(*strv);
        char **grown;

        if (!s)
                return -ENOMEM;

        grown = reallocarray(*strv, n + 2, sizeof(char *));
        if (!grown) {
                free(s);
                return -ENOMEM;
        }
        grown[n] = s;
        grown[n + 1] = NULL;
        *strv = grown;
        return 0;
}

int strv_append(char ***strv, const char *s) {
        return take(strv, strdup(s));
}

int strv_extend(char ***strv, const char *first, ...) {
        va_list ap;
        int r = 0;

        va_start(ap, first);
        for (const char *s = first; r >= 0 && s; s = va_arg(ap, const char *))
                r = strv_append(strv, s);
        va_end(ap);
        return r;
}

int strv_appendf(char ***strv, const char *format, ...) {
        char *s = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return take(strv, r < 0 ? NULL : s);
}

const char *strv_value(char *const *strv, const char *name) {
        size_t n = strlen(name);

        for (; strv && *strv; strv++)
                if (strncmp(*strv, name, n) == 0 && (*strv)[n] == '=')
                        return *strv + n + 1;
        return NULL;
}

bool strv_contains(char *const *strv, const char *s) {
        for (; strv && *strv; strv++)
                if (strcmp(*strv, s) == 0)
                        return true;
        return false;
}

size_t strv_length(char *const *strv) {
        size_t n = 0;

        while (strv && strv[n])
                n++;
        return n;
}

char **strv_free(char **strv) {
        for (size_t i = 0; strv && strv[i]; i++)
                free(strv[i]);
        free(strv);
        return NULL;
}
