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

/* Counts the letters to change, add or remove to turn `a` into `b` (Levenshtein), ignoring case. */
static unsigned distance(const char *a, const char *b) {
        unsigned row[WORD_MAX + 1];
        size_t n = strlen(b);

        if (n > WORD_MAX || strlen(a) > WORD_MAX)
                return SIMILAR_NONE;
        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        bool differ = tolower((unsigned char) a[i - 1]) != tolower((unsigned char) b[j - 1]);
                        unsigned above = row[j];

                        row[j] = min3(above + 1, row[j - 1] + 1, diagonal + differ);
                        diagonal = above;
                }
        }
        return row[n];
}

/* Short words have too many neighbours. */
bool similar_is_nearer(const char *word, const char *other, unsigned *best) {
        unsigned d = distance(word, other);

        if (d >= *best || d > DISTANCE_MAX || d * 2 >= strlen(other))
                return false;
        *best = d;
        return true;
}
