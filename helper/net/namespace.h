/* The network namespace of one VM. */
#pragma once

#include <stdbool.h>

typedef struct NetNamespace {
        int user_fd, net_fd; /* the namespaces, for setns() */
        int tap_fd;          /* the guest's side: what QEMU reads and writes */
} NetNamespace;

/* Enters new user, mount and network namespaces, and makes the guest's interface in them. -EUSERS: this user
 * may not have namespaces; -ENODEV: there is no /dev/net/tun; other negative errno. `ret_step` is what
 * failed, as the rest of a sentence. */
int net_namespace_enter(NetNamespace *ret, const char **ret_step);

/* Joins those of another process, and a new mount namespace. 0, negative errno. */
int net_namespace_join(int user_fd, int net_fd);

/* Keeps the capability to configure this network (CAP_NET_ADMIN), also in the programs that are run, or
 * none, and gives all others up for good. 0, negative errno. */
int net_namespace_drop_capabilities(bool keep_admin);

/* A connection to the guest's sshd has begun; it does not block. The socket; negative errno. */
int net_namespace_connect_ssh(void);

/* The guest is gone for good: its addresses become this namespace's own, so that the kernel itself resets
 * what is still open to it. 0, negative errno. */
int net_namespace_end_connections(void);
