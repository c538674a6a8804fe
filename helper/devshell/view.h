/* What the evaluation of a dev shell sees of the file system. */
#pragma once

/* Enters a mount namespace in which the homes, the runtime directories and /tmp are empty and read-only, but
 * for the work directory, the results in `dir`, $TMPDIR and the profiles in which nix is found. 0; -ELOOP: a
 * part of the path to the work directory is a link; -EUSERS: this user may not have namespaces; other
 * negative errno. */
int devshell_view_enter(const char *work_directory, const char *dir);
