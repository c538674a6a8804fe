/* A directory of a test's own, which goes with it. */
#pragma once

#include "tests/test.h"

#include <limits.h>

static char tree[PATH_MAX]; /* without links */

/* Makes it below /tmp. 0, -1 for cmocka. */
static inline int tree_make(void) {
        char template[] = "/tmp/claude-vm-test.XXXXXX";

        return mkdtemp(template) && realpath(template, tree) ? 0 : -1;
}

static inline int tree_remove(void **state) {
        char command[PATH_MAX + 64];

        snprintf(command, sizeof(command), "rm -rf '%s'", tree);
        return system(command) == 0 ? 0 : -1;
}

/* The path of what lies in it; the last four of them are there. */
static inline const char *in(const char *name) {
        static char paths[4][PATH_MAX + 64];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", tree, name);
        return path;
}

static inline void make_file(const char *path) {
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        fputs("x", f);
        assert_int_equal(fclose(f), 0);
}
