/* claude-run of another machine, by ssh: `claude-run --host HOST …` is what `claude-run …` is there. */
#pragma once

#include <stdbool.h>

/* True if the command line begins with --host. */
bool other_host_is_meant(char *const *argv);

/* Runs the rest of the command line there. The exit status: that of the claude-run there, 255 for a lost
 * connection. */
int other_host_run(const char *ssh, char *const *argv);

/* The words for ssh. Owned; NULL if they are wrong, which is said. */
char **other_host_argv(const char *ssh, char *const *argv, bool terminal);

/* On the far side: ends this process when the ssh that it talks to is gone, which without a terminal nothing
 * else tells it. */
void other_host_watch_end(void);
