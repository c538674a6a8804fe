/* Directories: made, listed, compared, removed. */
#pragma once

/* Makes what is missing of a path, for this user alone. 0, negative errno. */
int make_directories(const char *path);

/* The same for what an absolute path lies in. */
int make_parent_directories(const char *path);

/* Removes a directory and the files in it; other directories in it keep it. */
void remove_directory(const char *path);
