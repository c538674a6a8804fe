/* Asks the helper of a running VM to suspend it. */
#pragma once

#define SUSPEND_REPLY_MAX 512U /* bytes of a reply, with its NUL */
#define SUSPEND_DONE "done"    /* the reply when the state is whole; any other one says why it is not */

/* Waits for the reply. 0: it is suspended, and its unit ends. -EBUSY: it goes on, and `ret_why` is an owned
 * sentence; -ENOENT, -ECONNREFUSED: it does not run; -ECONNRESET: it has ended without a reply; -EINTR: a
 * signal came, and the VM is suspended all the same; other negative errno. */
int suspend_request(const char *runtime_dir, const char *id, char **ret_why);
