#include "common/similar.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 32U    /* longer words are not typing errors */
#define DISTANCE_MAX 2U /* letters */

static unsigned min3(unsigned a, unsigned b, unsigned c) {
        unsigned ab = a < b ? a : b;

        return ab < c ? ab : c;
}

static bool is_same(char a, char b) {
        return tolower((unsigned char) a) == tolower((unsigned char) b);
}

/* Counts the letters to change, add, remove or swap to turn `a` into `b`, ignoring case: Levenshtein's
 * distance with a swap of two neighbours as one step. */
static unsigned distance(const char *a, const char *b) {
        unsigned rows[3][WORD_MAX + 1]; /* of this letter of `a` and the two before it */
        size_t n = strlen(b), m = strlen(a);

        if (n > WORD_MAX || m > WORD_MAX)
                return SIMILAR_NONE;
        for (unsigned j = 0; j <= n; j++)
                rows[0][j] = j;
        for (unsigned i = 1; i <= m; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above_that = rows[(i + 1) % 3];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        row[j] = min3(above[j] + 1, row[j - 1] + 1,
                                        above[j - 1] + !is_same(a[i - 1], b[j - 1]));
                        if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]) &&
                                        above_that[j - 2] + 1 < row[j])
                                row[j] = above_that[j - 2] + 1;
                }
        }
        return rows[m % 3][n];
}

/* Short words have too many neighbours. */
bool similar_is_nearer(const char *word, const char *other, unsigned *best) {
        unsigned d = distance(word, other);

        if (d >= *best || d > DISTANCE_MAX || d * 2 >= strlen(other))
                return false;
        *best = d;
        return true;
}
