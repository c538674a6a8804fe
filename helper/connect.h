/* The way from ssh to a guest's sshd. */
#pragma once

/* `connect ID`, a ProxyCommand: hands the connected socket to ssh over standard output (ProxyUseFdpass=yes),
 * or, if that is no socket, copies both ways. Returns an exit status. */
int connect_run(const char *runtime_dir, const char *id);
