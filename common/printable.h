/* The text that may leave us: into a unit, a list for another program, a journal, a terminal. The rule
 * stands here once, and each writer asks it itself, so that no caller can forget to. */
#pragma once

#include <stddef.h>

/* The length of the character at `s`, which has `size` bytes left and at least one; one byte if there is no
 * UTF-8 character. `ret_why` gets what is wrong with the character, as a noun, or NULL. */
size_t printable_next(const char *s, size_t size, const char **ret_why);

/* What no text of ours may have: "a control character", "a byte that is not UTF-8", "a character that
 * reorders text". NULL if the text has none of it. */
const char *printable_check(const char *s);

/* The same for a text of `size` bytes in which a tab may stand, as in a line of an ini or inside of quotes.
 */
const char *printable_check_line(const char *s, size_t size);

/* Puts a blank for each tab and `?` for every other character that printable_check() refuses, in place. The
 * text gets no longer. */
void printable_clean(char *s);

/* The same for a copy. Owned; NULL without memory. */
char *printable_copy(const char *s);

/* The bytes of clean text that fit into so many columns of a terminal. A character outside of the first
 * scripts counts as two, which is too many for some and too few for none. `ret_columns`: NULL, or those that
 * they take. */
size_t printable_fit(const char *s, unsigned columns, unsigned *ret_columns);

/* Cuts the text to `max` bytes, not inside a character. */
void printable_cut(char *s, size_t max);
