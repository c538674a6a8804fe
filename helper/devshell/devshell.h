/* `devshell`: the dev shell of a work directory, evaluated on the host and kept where no guest can write.
 *
 * DIR/PROJECT/KEY is the script that nix printed, PROJECT/profile what keeps its store paths from the
 * garbage collector; see source.h for the names. */
#pragma once

#include "common/dev-shell.h"

/* What is evaluated, and where. */
typedef struct DevShellConfig {
        const char *dirs; /* searched for nix and devenv, separated by colons */
        const char *dir;  /* of the results */
        const char *work_directory;
        DevShellKind kind;
} DevShellConfig;

/* Evaluates what the directory has, unless the result is there already; result and reason go to the log.
 * Changes this process's working directory and environment. The exit status. */
int devshell_evaluate(const DevShellConfig *config);

/* Opens the script of what the directory has now, for reading: whole sectors. The descriptor; -ENODATA if
 * there is nothing to evaluate, -ENOENT if there is no result, other negative errno. */
int devshell_open(const char *dir, const char *work_directory, DevShellKind kind);
