/* After a VM's end, however it came. */
#pragma once

/* `gc ID`, the unit's ExecStopPost=: says why if the helper could not, and removes an ad-hoc VM's request
 * and drop-ins. Returns an exit status. */
int gc_run(const char *runtime_dir, const char *id);
