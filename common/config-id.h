/* What a drop-in was made from, so that a start can tell whether the ini is still the same. */
#pragma once

#include <stddef.h>

enum { CONFIG_ID_SIZE = 60 };

/* The identity of a text: a UUID of version 5 (a SHA-1) and the size. */
void config_id_of(const char *text, size_t size, char ret[static CONFIG_ID_SIZE]);
