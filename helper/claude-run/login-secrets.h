/* The agent's login for a request, from the environment of claude-run. */
#pragma once

#include <stdio.h>

/* Writes a line of [Credentials] with the name of each secret of the agent that the environment has and no
 * setting names; none if `base`, the text of a project's ini or NULL, names one of them. `agent`: the
 * project's, which the last Agent= of `settings` (the options, as lines of an ini) goes before. */
void login_secrets_print(FILE *f, const char *agent, const char *base, char *const *settings);
