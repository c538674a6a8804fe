/* The .gitignore may be a guest's, and is asked for each event. So its patterns are compared here and not by
 * fnmatch(3), which takes exponential time for a pattern with many asterisks. */

#include "helper/notify/ignored.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define PATTERN_MAX 128U

/* Of tools, wherever they are: what lies in them is made, and by the thousand. */
static const char *const names[] = { ".git", ".hg", ".svn", ".jj", "node_modules", ".venv", "venv",
        "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".cache", ".direnv",
        ".gradle", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", "target", "build", "dist",
        "_build", "coverage" };

static bool is_understood(const char *line) {
        const char *star = strchr(line, '*');

        return line[0] && line[0] != '#' && line[0] != '!' && strlen(line) <= PATTERN_MAX &&
                        !strpbrk(line, "?[\\") && (!star || !strchr(star + 1, '*'));
}

/* A slash at the end says that it is a directory, which does not matter here. */
static void strip(char *line) {
        size_t n = strlen(line);

        while (n > 0 && strchr(" \t\r/", line[n - 1]))
                line[--n] = '\0';
}

void ignored_read(Ignored *ignored, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy, *line;

        while (ignored->n < IGNORED_MAX && (line = strsep(&rest, "\n"))) {
                strip(line);
                if (!is_understood(line))
                        continue;
                ignored->patterns[ignored->n] = strdup(line);
                if (!ignored->patterns[ignored->n])
                        return;
                ignored->n++;
        }
}

/* An asterisk stands for anything but a slash. */
static bool matches(const char *pattern, const char *s) {
        size_t before = strcspn(pattern, "*"), after, n = strlen(s);

        if (!pattern[before])
                return strcmp(pattern, s) == 0;
        after = strlen(pattern + before + 1);
        return n >= before + after && strncmp(s, pattern, before) == 0 &&
                        strcmp(s + n - after, pattern + before + 1) == 0 &&
                        !memchr(s + before, '/', n - before - after);
}

/* With a slash in it a pattern begins at the top, as git has it. */
static bool is_ignored_by(const char *pattern, const char *path, const char *name) {
        if (pattern[0] == '/')
                return matches(pattern + 1, path);
        return matches(pattern, strchr(pattern, '/') ? path : name);
}

bool ignored_has(const Ignored *ignored, const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        for (size_t i = 0; i < ignored->n; i++)
                if (is_ignored_by(ignored->patterns[i], path, name))
                        return true;
        return false;
}

void ignored_done(Ignored *ignored) {
        for (size_t i = 0; i < ignored->n; i++)
                free(ignored->patterns[i]);
        *ignored = (Ignored) {};
}
