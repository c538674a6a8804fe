/* The lists of Allow=@LIST: files NAME.list with a word of Allow= on each line, `#` for comments. */
#pragma once

#include "helper/net/policy.h"

/* Reads the list into the policy; the user's own (CONFIG_HOME/claude-microvm/lists) comes before the
 * administrator's and the installed ones. 0; -ENOENT; -EINVAL: `ret_why` names the line, or says that there
 * is no such list; other negative errno. */
int allow_list_add(Policy *p, const char *name, const char *config_home, bool added, char **ret_why);

/* Adds one word, a list with all of its words. As above; -EINVAL also for a bad word. */
int allow_list_add_word(Policy *p, const char *word, const char *config_home, bool added, char **ret_why);
