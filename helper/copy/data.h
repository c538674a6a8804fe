/* The content of one file. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Lets the empty file `to` share the blocks of `from`, where the file system can. False if it cannot. */
bool data_reflink(int from, int to);

/* Copies `size` bytes, without the holes. What grows meanwhile is cut, and what shrinks ends with zeros. 0,
 * negative errno. */
int data_copy(int from, int to, off_t size);
