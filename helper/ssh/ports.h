/* The forwarded ports of a running VM: the file `ports` in its runtime directory. The ssh master reads it
 * when it starts, so a master that comes back forwards what the one before it did. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/port-forward.h"

#define PORTS_MAX 256U
#define PORTS_LINE_MAX 96U

typedef struct PortEntry {
        bool reverse;  /* a port of the guest that leads to the host */
        bool from_ini; /* Publish= */
        PortForward forward;
} PortEntry;

typedef struct PortList {
        PortEntry items[PORTS_MAX];
        size_t n;
} PortList;

/* Locks other writers out until the returned descriptor is closed. Negative errno; -ENOENT: no such VM runs.
 */
int ports_lock(const char *vm_dir);

/* Reads the list; a missing file is an empty list. 0, -EIO for a file that is not a list, other negative
 * errno. */
int ports_read(const char *vm_dir, PortList *ret);

/* The same of a text, which is taken apart. 0; -EIO, -E2BIG. */
int ports_parse(char *text, PortList *ret);

/* The text of a list, in a buffer for all of them. Its length. */
size_t ports_print(const PortList *list, char ret[static PORTS_MAX * PORTS_LINE_MAX]);

/* Replaces the list. 0, negative errno. */
int ports_write(const char *vm_dir, const PortList *list);

/* Adds to the list what another directory's list has that was added while a VM ran, but for ports of the
 * host that the list has already. 0, negative errno. */
int ports_take_added(const char *vm_dir, const char *other_dir);

/* What ssh calls it: the argument of -L, or of -R for a reverse one. */
void ports_print_entry(const PortEntry *e, char ret[static PORT_FORWARD_TEXT_MAX + 16]);
