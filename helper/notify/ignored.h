/* Directories and files whose changes no dev server waits for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define IGNORED_MAX 256U

typedef struct Ignored {
        char *patterns[IGNORED_MAX]; /* owned; the rest of a line of .gitignore */
        size_t n;
} Ignored;

/* Takes the patterns of a .gitignore that are a name, a path or have one `*`; what else git knows does not
 * count. */
void ignored_read(Ignored *ignored, const char *text);

/* True if the relative `path`, whose parent is not ignored, is. */
bool ignored_has(const Ignored *ignored, const char *path);

void ignored_done(Ignored *ignored);
