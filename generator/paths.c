#include "generator/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"

/* Takes `//` and `/.` out, in place; -EINVAL for a `..`. */
static int normalize(char *path) {
        char *out = path;

        for (char *in = path; *in;) {
                size_t n;

                in += strspn(in, "/");
                n = strcspn(in, "/");
                if (n == 2 && memcmp(in, "..", 2) == 0)
                        return -EINVAL;
                if (n > 0 && !(n == 1 && in[0] == '.')) {
                        *out++ = '/';
                        memmove(out, in, n);
                        out += n;
                }
                in += n;
        }
        if (out == path)
                *out++ = '/';
        *out = '\0';
        return 0;
}

/* Measures the path as a unit file spells it, with `%` doubled: systemd ignores a setting whose path is too
 * long.
 */
static size_t written_length(const char *value) {
        size_t n = strlen(value);

        for (const char *p = value; (p = strchr(p, '%')); p++)
                n++;
        return n;
}

int path_parse(const char *home, const char *value, char **ret, const char **ret_why) {
        _cleanup_free_ char *path = NULL;
        size_t length = strlen(value);

        if (value[0] == '~' && (value[1] == '/' || value[1] == '\0')) {
                path = strjoin(home, value + 1, NULL);
                if (!path)
                        return -ENOMEM;
        } else if (value[0] == '/') {
                path = strdup(value);
                if (!path)
                        return -ENOMEM;
        } else {
                *ret_why = strchr("\"'", value[0]) ? "is taken as it is: leave the quotes out"
                                                   : "must be absolute or begin with '~/'";
                return -EINVAL;
        }
        if (written_length(path) >= PATH_MAX) {
                *ret_why = "is too long";
                return -EINVAL;
        }
        if (strchr(value, '\t')) {
                *ret_why = "must not contain a tab";
                return -EINVAL;
        }
        if (value[length - 1] == '\\') {
                *ret_why = "ends with a backslash, which a unit file cannot express";
                return -EINVAL;
        }
        if (normalize(path) < 0) {
                *ret_why = "must not contain '..'";
                return -EINVAL;
        }
        *ret = TAKE_PTR(path);
        return 0;
}
