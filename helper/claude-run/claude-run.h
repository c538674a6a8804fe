/* claude-run: verbs in a table. main.c has main() alone. */
#pragma once

#include "helper/claude-run/options.h"

/* Runs the command line; returns the exit status. */
int claude_run(RunOptions *options, int argc, char **argv);

/* The names of the verbs, for the test of the man page: NULL after the last. */
const char *claude_run_verb(unsigned i);
