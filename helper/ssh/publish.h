/* Published ports at the start of a VM, and the ssh master that forwards them. */
#pragma once

#include "helper/parameters.h"

/* Refuses ports of the host that are in use and writes the VM's list of forwarded ports into its runtime
 * directory. 0; -EADDRINUSE and an owned sentence in `ret_why`; other negative errno. */
int publish_prepare(const char *directory, const Parameters *p, char **ret_why);

/* Becomes the ssh master of VM `id`, with its forwarded ports. Returns only if that fails: an exit status.
 */
int publish_exec_master(const char *ssh, const char *runtime_dir, const char *id);
