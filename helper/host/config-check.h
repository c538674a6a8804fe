/* Is the ini still what the unit was made from? */
#pragma once

/* Compares the files that the generator named in `variables` (the environment of a unit) with what they are
 * now. 0: the unit is up to date. -ESTALE: it is not. -ENODATA: it does not say what it was made from. Both
 * with an owned sentence for the user in `ret_why`. -ENOMEM. */
int config_check(char *const *variables, char **ret_why);
