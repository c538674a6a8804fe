/* The way from ssh to a guest's sshd. */
#pragma once

/* `connect HOST`, a ProxyCommand for NAME, claude-vm.NAME or claude-vm/NAME: hands the connected socket to
 * ssh over standard output (ProxyUseFdpass=yes), or, if that is no socket, copies both ways. Returns an exit
 * status. */
int connect_run(const char *runtime_dir, const char *host);
