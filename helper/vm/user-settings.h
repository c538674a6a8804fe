/* What the guest takes over from the user's own settings on the host. */
#pragma once

/* The name of the time zone that the link (/etc/localtime) leads to, as `Europe/Berlin`. Owned. -ENODATA: it
 * names none. */
int user_settings_time_zone(const char *link, char **ret);

/* Name and address of the user in git's global settings, as a file of git's with nothing else in it: what
 * else stands there (credential helpers, aliases) is not for a guest. Owned. -ENODATA: no git, or neither.
 */
int user_settings_git(const char *git, char **ret);
