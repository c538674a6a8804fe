/* The files of a VM's runtime directory for its sessions: keys of this start, ssh's configuration. */
#pragma once

#include <stdio.h>

typedef struct SshKeys {
        char *authorized_key; /* public key of the host, for the guest's sshd; a line */
        char *host_key;       /* private key of the guest's sshd; only in memory */
} SshKeys;

/* Makes the two key pairs with ssh-keygen in `vm_dir` and writes ssh.key, ssh.key.pub,
 * ssh.known_hosts and ssh.config. 0, negative errno. Removes files of an earlier start. */
int ssh_files_make(const char *ssh_keygen, const char *vm_dir, const char *id, SshKeys *ret);
/* The same for a guest that knows its keys, of which `vm_dir` has the host's files already. */
int ssh_files_take(const char *vm_dir, const char *id, SshKeys *ret);
void ssh_keys_done(SshKeys *keys);

/* The text of ssh.config, for its test. 0; -EINVAL: the directory has a name that ssh's configuration cannot
 * say, or the id is none; -ENOMEM. */
int ssh_files_print_config(FILE *f, const char *vm_dir, const char *id);
