/* What somebody may have meant who wrote an unknown word. */
#pragma once

#include <stdbool.h>

#define SIMILAR_NONE 32U /* farther than any */

/* True if `word` may be a typing error for `other`, and a smaller one than `best`, which then becomes it: a
 * number of letters, SIMILAR_NONE at first. */
bool similar_is_nearer(const char *word, const char *other, unsigned *best);
