/* The ssh master of a VM, which forwards its ports and carries all sessions. */
#pragma once

/* Becomes the ssh master of VM `id`, with its forwarded ports. Returns only if that fails: an exit status.
 */
int master_exec(const char *ssh, const char *runtime_dir, const char *id);
