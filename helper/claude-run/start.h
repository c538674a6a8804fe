/* Starts and stops a VM with a line of progress. Functions that return an int return 0 or an exit status,
 * and have said why on stderr. */
#pragma once

#include "helper/claude-run/context.h"

/* Starts the VM if it does not run, and reads a changed ini before. */
int start_vm(Context *c, const char *id);

/* One job with a line of progress; on failure the reason and the guest's last words. */
int start_job(Context *c, ManagerJob job, const char *id);

/* Waits until the ssh master of a VM that runs has logged in: a session that did not wait would have a login
 * of its own, at the same time, and both would take longer. A master that does not log in is none of the
 * session's business. */
int start_wait_sessions(Context *c, const char *id);

/* Starts the VM for a session. While its ssh master is there, that costs no look at the manager. */
int start_for_session(Context *c, const char *id);

/* Finds the VM of the command line's only word, or of this directory, and starts it for a session. */
int start_vm_for_session(Context *c, char **ret);
