/* The names in a project that programs of the host obey: what they run, or what tells them what to run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The hooks of the project's repository and of its submodules. Where they are is found at run time: `.git`
 * may be a file, and the project itself may be a bare repository. */
#define OBEYED_GIT_HOOKS ".git/hooks"

#define PROTECT_DEFAULT "yes" /* as a word of Protect=: the names below that are protected by default */
#define PROTECT_NOTHING "no"

typedef struct ObeyedName {
        const char *path;  /* below the work directory */
        bool is_protected; /* by default; the rest is only watched, because agents write it in their work */
} ObeyedName;

/* Returns NULL after the last. */
const ObeyedName *obeyed_name(size_t i);

/* True for a relative path of `n` bytes without `.`, `..` and empty components: the walk to it goes down
 * only. */
bool path_is_below(const char *path, size_t n);

/* Checks the words of Protect=: `no` alone, or relative paths and `yes` with blanks between. Returns NULL,
 * or what a value must be, as the rest of a sentence. */
const char *protect_refused(const char *words);

/* The same for Private=: relative paths only. */
const char *private_refused(const char *words);
