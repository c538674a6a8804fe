/* Is the ini still what the unit was made from? */
#pragma once

#include <stdbool.h>

/* Compares the files that the generator named in `variables` (the environment of a unit) with what they are
 * now. 0: the unit is up to date. -ESTALE: it is not. -ENODATA: it does not say what it was made from. Both
 * with an owned sentence for the user in `ret_why`, which for a broken project begins with its error.
 * -ENOMEM.
 */
int config_check(char *const *variables, char **ret_why);

/* Which settings they are, as one line that differs for others: the hashes of the ini and of the defaults.
 * Owned; NULL without memory. */
char *config_print_id(char *const *variables);

/* True if a file `.git` in the work directory says what it said when systemd read the projects, or is still
 * not there. It decides whether the repository is shared, and a start with the old answer is safe. */
bool config_knows_git_link(char *const *variables);
