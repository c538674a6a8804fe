/* nix and devenv, run on the files of a work directory. */
#pragma once

#include "helper/devshell/devshell.h"
#include "helper/devshell/source.h"

/* The first of `dirs` that has the program. Owned; NULL: none, or no memory. */
char *evaluator_find_program(const char *dirs, const char *program);

/* Runs nix on the flake, with the script to `output`. The profile in `project` keeps the garbage collector
 * away from what the script names. 0; positive: it failed and has said why; negative errno. */
int evaluator_run_nix(const DevShellSource *source, const char *dir, const char *nix, const char *project,
                int output);

/* The same with devenv, which is found in `dirs` as nix is. */
int evaluator_run_devenv(const DevShellSource *source, const DevShellConfig *c, const char *devenv,
                const char *project, int output);
