#include "common/path.h"

#include <stdlib.h>
#include <string.h>

#include "common/strjoin.h"

bool path_is_in(const char *path, const char *ancestor) {
        size_t n = strlen(ancestor);

        if (strcmp(ancestor, "/") == 0)
                return true;
        return strncmp(path, ancestor, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool path_is_dots(const char *name) {
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

char *path_below(const char *directory, const char *name) {
        return directory[0] ? strjoin(directory, "/", name, NULL) : strdup(name);
}

char *path_xdg(const char *variable, const char *below) {
        const char *value = getenv(variable);

        /* the specification: a relative path is to be ignored */
        if (value && value[0] == '/')
                return strjoin(value, NULL);
        return strjoin(getenv("HOME") ?: "", below, NULL);
}
