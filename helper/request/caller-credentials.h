/* Secrets that a VM takes from the environment of the claude-run that starts it. */
#pragma once

/* Puts those of `names` (separated by blanks) that are set here where the VM `id` will look for them, for
 * this user alone, in memory. Returns a descriptor: as long as it is open, no sweep takes them away.
 * Negative errno. */
int caller_credentials_hand_over(const char *runtime_dir, const char *id, const char *names);

/* The file of one. Owned; NULL: no memory. */
char *caller_credentials_path(const char *runtime_dir, const char *id, const char *name);

/* Takes all of a VM's away. */
void caller_credentials_remove(const char *runtime_dir, const char *id);

/* Takes away what nobody is about to hand over. */
void caller_credentials_sweep(const char *runtime_dir);
