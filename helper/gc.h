/* After a VM's end, however it came. */
#pragma once

/* `gc ID`, the unit's ExecStopPost=: says why if the helper could not, and removes an ad-hoc VM's request
 * and drop-ins, and what there is of a suspend that did not come to its end. `state_dir` is
 * $STATE_DIRECTORY; NULL: no VM is suspended here. Returns an exit status. */
int gc_run(const char *runtime_dir, const char *state_dir, const char *id);
