/* The forwarded ports of a running VM: the file `ports` in its runtime directory. The ssh master reads it
 * when it starts, so a master that comes back forwards what the one before it did. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/port-forward.h"

#define FORWARDS_MAX 256U
#define FORWARD_LINE_MAX 96U

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

/* The same of a text, which is taken apart. 0; -EIO, -E2BIG. */
int forward_list_parse(char *text, ForwardList *ret);

/* The text of a list, in a buffer for all of them. Its length. */
size_t forward_list_print(const ForwardList *list, char ret[static FORWARDS_MAX * FORWARD_LINE_MAX]);

/* Replaces the list. 0, negative errno. */
int forward_list_write(const char *directory, const ForwardList *list);

/* What ssh calls it: the argument of -L, or of -R for a reverse one. */
void forward_entry_print(const ForwardEntry *e, char ret[static FORWARD_TEXT_MAX + 16]);
