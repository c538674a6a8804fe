/* How paths of the host are spelled. */
#pragma once

/* Expands `~/` to `home`, refuses relative paths, `..`, tabs, a backslash at the end; takes superfluous
 * slashes away. 0 and an owned path in `ret`; -EINVAL and a borrowed sentence in `ret_why`; -ENOMEM. */
int path_parse(const char *home, const char *value, char **ret, const char **ret_why);
