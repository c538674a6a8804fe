/* The other side of a VM's network holder (holder.h): one message there, one back. Any of these returns
 * -EMSGSIZE if a message is longer than it may be, and takes no part of one. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/unix-socket.h"

#define NET_MESSAGE_MAX (160U * 1024U) /* a kernel refuses one of 200 KiB */
#define NET_FDS_MAX UNIX_FDS_MAX

/* In the directory of a VM's network: where haproxy takes commands. */
#define NET_PROXY_ADMIN "proxy/admin"

/* The path of a file in the runtime directory of a VM's network, owned; NULL without memory. */
char *net_path(const char *runtime_dir, const char *id, const char *name);

/* Asks for descriptors. Their number; the connection is `ret_connection` if that is not NULL. -ENOENT and
 * -ECONNREFUSED: there is no network; other negative errno. */
int net_request_fds(const char *runtime_dir, const char *id, const char *word, int ret[static NET_FDS_MAX],
                int *ret_connection);

/* Asks for a text. 0 and an owned text; negative errno. */
int net_request_text(const char *runtime_dir, const char *id, const char *word, char **ret);

/* Asks, and leaves the answer to be read. The connection; negative errno. */
int net_request(const char *runtime_dir, const char *id, const char *word);

/* The process of the holder. Negative errno. */
pid_t net_holder_pid(const char *runtime_dir, const char *id);

/* A connection to the guest's sshd, which has begun. The socket; negative errno as above. */
int net_connect_ssh(const char *runtime_dir, const char *id);
