/* Ports that an ini publishes: whether the host can have them. */
#pragma once

#include "helper/parameters.h"

/* Refuses ports of the host that are in use and writes the VM's list of forwarded ports into its runtime
 * directory. 0; -EADDRINUSE and an owned sentence in `ret_why`; other negative errno. */
int publish_prepare(const char *vm_dir, const Parameters *p, char **ret_why);
