/* The forwarded ports of a running VM: the file `ports` in its runtime directory. The ssh master reads it
 * when it starts, so a master that comes back forwards what the one before it did. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "forward.h"

#define FORWARDS_MAX 256U

typedef struct ForwardEntry {
        bool reverse;  /* a port of the guest that leads to the host */
        bool from_ini; /* Publish= */
        Forward forward;
} ForwardEntry;

typedef struct ForwardList {
        ForwardEntry items[FORWARDS_MAX];
        size_t n;
} ForwardList;

/* Holds others off until the returned descriptor is closed. Negative errno: -ENOENT, no such VM runs. */
int forward_list_lock(const char *directory);

/* Reads the list; one that is not there is empty. 0, -EIO for a file that is none, other negative errno. */
int forward_list_read(const char *directory, ForwardList *ret);

/* Replaces the list. 0, negative errno. */
int forward_list_write(const char *directory, const ForwardList *list);

/* What ssh calls it: the argument of -L, or of -R for a reverse one. */
void forward_entry_print(const ForwardEntry *e, char ret[static FORWARD_TEXT_MAX + 16]);
