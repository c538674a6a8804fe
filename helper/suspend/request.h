/* Asks the helper of a running VM to suspend it, or to change its memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SUSPEND_REPLY_MAX 512U /* bytes of a reply, with its NUL */
#define SUSPEND_DONE "done"    /* the reply when the state is whole; any other one says why it is not */

/* Waits for the reply, and meanwhile calls `waiting` five times a second unless that is NULL; false ends the
 * wait with -ETIMEDOUT, and the VM may be suspended all the same. 0: it is suspended, and its unit ends.
 * -EBUSY: it goes on, and `ret_why` is an owned sentence; -ENOENT, -ECONNREFUSED: it does not run;
 * -ECONNRESET: it has ended without a reply; -EINTR: a signal came, and the VM is suspended all the same;
 * other negative errno. */
typedef bool (*suspend_waiting)(void *userdata);
int suspend_request(const char *runtime_dir, const char *id, suspend_waiting waiting, void *userdata,
                char **ret_why);

/* Asks for as much memory in the guest. 0: the guest is asked; the others as above. */
int memory_request(const char *runtime_dir, const char *id, uint64_t mib, char **ret_why);
