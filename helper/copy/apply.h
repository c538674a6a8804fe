/* Brings one change from a copy to the original. */
#pragma once

#include "helper/copy/difference.h"

typedef struct Apply {
        int origin, work; /* descriptors of both directories */
        Record *record;   /* which apply_change() keeps up to date */
        const char *protect;
        bool with_protected; /* names that programs of the host obey, too */
        bool overwrite;      /* what has changed in the original meanwhile */
} Apply;

/* Why the change is not applied, as the rest of a sentence; NULL if nothing speaks against it. */
const char *apply_refused(const Apply *a, const Change *change);

/* Applies a change that is not refused. 0; -ESTALE: the original or the copy has changed since the change
 * was found; -ENOTEMPTY: the directory has other files here; other negative errno. */
int apply_change(Apply *a, const Change *change);

/* The order in which changes must be applied: what is removed comes first, and what is in a directory before
 * the directory; for the rest it is the other way round. For qsort(). */
int apply_order(const void *a, const void *b);
