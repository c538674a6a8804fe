/* The directories with inis: which they are, whose they are, and what is in them. */
#pragma once

#include <stdbool.h>

#include "generator/defaults.h"
#include "generator/user-paths.h"

#define INI_SUFFIX ".ini"

typedef struct Generator {
        UserPaths paths;
        char **config_dirs;         /* first name wins */
        Defaults defaults;          /* of all projects */
        struct ProjectList *others; /* what one file is checked among; NULL: not read yet */
        bool failed;                /* a file was bad, or could not be written out */
} Generator;

/* Keeps them from every guest: a guest that can write there can write projects. 0, -ENOMEM. */
int directories_protect(Generator *g);

/* Fills `config_dirs`. 0, -ENOMEM. */
int directories_from_environment(Generator *g);

/* For qsort() and bsearch() on an array of strings. */
int directories_compare_names(const void *a, const void *b);

/* The inis of a directory in the order of their names, 10000 and one more at most, and the directory itself.
 * 0, negative errno. */
int directories_list(const char *dir, int *ret_fd, char ***ret);

/* Cuts the list to 10000 and says so: no user has so many projects, and each one slows every login down.
 */
void directories_drop_surplus(Generator *g, const char *dir, char **names);

/* The reason not to trust the inis of a directory: who may write to it may put another one there. NULL:
 * nobody else may. */
const char *directories_distrusted(int dir_fd);

/* The parts of a path; -EINVAL if it does not name an ini. */
int directories_split_path(const char *path, char **ret_dir, const char **ret_name);

/* Finds the file that counts for a name: the one in the first directory. */
int directories_find_file(const Generator *g, const char *name, char **ret);
