/* Why a session has ended that ssh calls lost. */
#pragma once

#include "helper/claude-run/context.h"

/* True if a signal that tells claude-run to end, and not only the session, was passed on to ssh. */
bool session_end_was_asked(void);

/* `status` is the session's, which is returned. If the VM has ended below it, says why, and `ret_vm_status`
 * (or NULL) is the VM's; else it is untouched. */
int session_end_explain(Context *c, const char *id, int status, int *ret_vm_status);
