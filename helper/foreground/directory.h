/* The private runtime directory of a foreground VM, in the place of $XDG_RUNTIME_DIR. */
#pragma once

/* Removes the directories whose owner has ended, then makes one in $TMPDIR, $XDG_RUNTIME_DIR or /tmp, the
 * first that exists and whose name leaves room for the names of sockets. Its owned path and its lock, which
 * whoever owns it keeps open. 0, negative errno. */
int foreground_directory_make(char **ret_path, int *ret_lock);

/* Removes it and what is in it. */
void foreground_directory_remove(const char *path);
