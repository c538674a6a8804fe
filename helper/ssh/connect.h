/* The way from ssh to a guest's sshd. */
#pragma once

typedef struct ConnectAddress {
        char host[16]; /* "": a Unix socket */
        unsigned port;
        char name[32]; /* of the socket, in the VM's directory */
} ConnectAddress;

/* Reads what the file `ssh.address` says: "tcp ADDRESS PORT" or "unix NAME". 0, -EINVAL. */
int connect_parse(const char *text, ConnectAddress *ret);

/* `connect HOST`, a ProxyCommand for NAME, claude-vm.NAME or claude-vm/NAME: hands the connected socket to
 * ssh over standard output (ProxyUseFdpass=yes), or, if that is no socket, copies both ways. Returns an exit
 * status. */
int connect_run(const char *runtime_dir, const char *host);
