/* What all projects have unless their own ini says otherwise: the file defaults.ini of each configuration
 * directory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/config-id.h"
#include "generator/user-paths.h"

#define DEFAULTS_FILE "defaults.ini"

typedef struct DefaultsFile {
        char *text; /* NULL: nothing counts; the file is missing, a mask, or could not be read */
        size_t size;
        char id[CONFIG_ID_SIZE]; /* of the text; empty without one */
        char *error;             /* the first one: no project starts with half of its defaults */
} DefaultsFile;

typedef struct Defaults {
        char **paths; /* the one that counts least comes first */
        DefaultsFile *items;
        size_t n;
} Defaults;

/* Reads and checks the files of these directories, of which the first counts most, unless `ret` has them
 * already. What is wrong with one is on stderr and in its `error`. 0, -ENOMEM. */
int defaults_load(const UserPaths *paths, char *const *config_dirs, Defaults *ret);

void defaults_done(Defaults *d);
