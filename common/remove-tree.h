/* Removes a directory with all that is in it. */
#pragma once

/* Follows no link, and stays on the file system of `path`. 0, negative errno. */
int remove_tree(const char *path);
