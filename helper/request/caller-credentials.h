/* Secrets that a VM takes from the environment of the claude-run that starts it. */
#pragma once

/* Writes those of the blank-separated `names` that are set here to where the VM `id` looks for them, for
 * this user alone, in memory. Returns a descriptor: while it is open, no sweep removes them.
 * Negative errno. */
int caller_credentials_hand_over(const char *runtime_dir, const char *id, const char *names);

/* Returns the path of one credential's file. Owned; NULL: no memory. */
char *caller_credentials_path(const char *runtime_dir, const char *id, const char *name);

/* Removes all credentials of a VM. */
void caller_credentials_remove(const char *runtime_dir, const char *id);

/* Removes the credentials that no running claude-run is handing over. */
void caller_credentials_sweep(const char *runtime_dir);
