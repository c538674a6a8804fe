/* Runs claude-run's own copies of generator and units where they are not installed for systemd. */
#pragma once

#include <stdbool.h>

/* True if systemd runs a claude-vm-generator by itself. */
bool uninstalled_has_generator(void);

/* Without an installed generator: links our template units into the user's runtime unit directory, runs
 * `generator` and links what it writes. With one, if `installed`: takes back what an earlier call has
 * linked. 1: something has changed, and the manager must reload; 0: all is as it was; negative errno. */
int uninstalled_sync(const char *runtime_dir, const char *generator, bool installed);
