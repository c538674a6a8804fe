/* The dev shell files of a work directory, and the name under which their evaluation is kept. */
#pragma once

#include <stdbool.h>

#include "common/dev-shell.h"

enum { DEVSHELL_FILES = 5 };

typedef struct DevShellFile {
        const char *name;
        char *text; /* NULL: there is none */
} DevShellFile;

typedef struct DevShellSource {
        DevShellKind kind; /* what was asked for, DEVSHELL_NONE if its file is not there */
        int directory_fd;
        DevShellFile files[DEVSHELL_FILES];
        char project[37]; /* from the path of the directory */
        char key[37];     /* from the content of the files */
} DevShellSource;

/* True if the directory has the file that `kind` is made from. */
bool devshell_source_has(const DevShellSource *source, DevShellKind kind);

/* Reads the files without following a link, in the directory or on the way to it. 0 and an owned result,
 * also for a directory that has none of them. Negative errno and in `ret_name` what could not be read:
 * borrowed. */
int devshell_source_read(
                const char *work_directory, DevShellKind kind, DevShellSource *ret, const char **ret_name);

void devshell_source_done(DevShellSource *source);
