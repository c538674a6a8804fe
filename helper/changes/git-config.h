/* Git's configuration files, read as data: what a guest has written there is parsed, and git is not run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* `name` is SECTION.KEY or SECTION.SUBSECTION.KEY, section and key in lower case; `value` is NULL for a key
 * without one, which means true. Negative errno ends the parsing. */
typedef int (*git_config_handler)(void *userdata, const char *name, const char *value);

/* Parses a file of `size` bytes. 0; -EBADMSG: at least one line is not git's grammar, where git itself would
 * stop, and the lines after it were parsed all the same; what the handler returned; -ENOMEM. */
int git_config_parse(const char *text, size_t size, git_config_handler handle, void *userdata);

/* True if this setting makes git, or a program that asks git, run a command, read further settings, or take
 * its hooks or its repository from another place. */
bool git_config_is_command(const char *name, const char *value);
