/* A NULL-terminated array of owned strings that grows: argument vectors, environments. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

/* Appends a copy of `s`. 0 or -ENOMEM, the array unchanged then. */
int strv_append(char ***strv, const char *s);

/* Appends copies of all strings up to a NULL. 0; -ENOMEM: some of them may be there. */
int strv_extend(char ***strv, const char *first, ...) __attribute__((sentinel));

/* Appends a formatted string. 0 or -ENOMEM, the array unchanged then. */
int strv_appendf(char ***strv, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of NAME in an array of NAME=VALUE (NULL is an empty one), borrowed; NULL if it is not there. */
const char *strv_value(char *const *strv, const char *name);

/* True if one of the strings is `s`. NULL is an empty array. */
bool strv_contains(char *const *strv, const char *s);

/* Number of strings; NULL is an empty array. */
size_t strv_length(char *const *strv);

/* Frees strings and array. Takes NULL, returns NULL. */
char **strv_free(char **strv);

DEFINE_CLEANUP(char **, strv_free, strv_free_cleanup)
#define _cleanup_strv_free_ _cleanup_(strv_free_cleanup)
