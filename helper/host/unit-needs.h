/* What a running VM needs of other units, kept where a broken ini cannot change it.
 *
 * The units of a VM's shares and network have StopWhenUnneeded=, and that the VM needs them stands in the
 * drop-in which the generator makes of its ini. Without more, a reload with a mistake in the ini, without
 * the ini or with a generator that was killed would end them and with them the VM. So a VM that runs has its
 * needs as `.wants` links below the runtime directory, too (systemd.unit(5)). */
#pragma once

#include "helper/host/manager.h"

/* Links what the VM's unit needs now, by what the manager says. 0, negative errno. */
int unit_needs_keep(const char *runtime_dir, const char *id);

/* Links more units that a running VM needs from now on, unless the manager says that it needs them already.
 * 1: there is a new need, of which the manager hears by a reload; 0, negative errno. */
int unit_needs_add(Manager *m, const char *runtime_dir, const char *id, char *const *units);

/* Removes them. Links that a user has made to other units stay. */
void unit_needs_forget(const char *runtime_dir, const char *id);
