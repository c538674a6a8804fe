/* The environment of a program that faces a guest. The user manager's own may hold tokens and the addresses
 * of an ssh-agent and the bus: a desktop session imports all it has. */
#pragma once

/* Those of `names` (up to a NULL) that are set here, and LANG and a PATH of the system's directories. 0 and
 * an owned array; -ENOMEM. */
int child_environment(const char *const names[], char ***ret);
