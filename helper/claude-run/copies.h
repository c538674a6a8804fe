/* The copies of work directories, as claude-run finds them. Functions that return an int return 0 or an exit
 * status, and have said why on stderr. */
#pragma once

#include "helper/claude-run/context.h"
#include "helper/copy/record.h"

typedef struct Copy {
        char *id, *path; /* of the VM; of the copy's directory; owned */
        Record record;
        int directory, work, origin; /* descriptors */
} Copy;

#define COPY_NONE ((Copy) { .directory = -EBADF, .work = -EBADF, .origin = -EBADF })

/* The copy of the first word of the command line, or of this directory; the words that follow are the verb's
 * own. `lock`: nobody else may change it meanwhile. */
int copies_open(Context *c, bool lock, Copy *ret);
void copies_close(Copy *copy);

/* The directory alone, opened and locked, whatever is in it. */
int copies_lock(Context *c, char **ret_id, char **ret_path, int *ret_directory);

/* The ids of all copies, sorted; owned. NULL if there are none. */
char **copies_list(void);

/* The directory of the copy of a VM, owned; NULL if there is none. */
char *copies_find(const char *id);

/* The work directory of a copy, owned; NULL if its record does not say. */
char *copies_origin(const char *id);

/* Gives a copy another name. 0, also if there is none; -EEXIST: the other name has one; other negative
 * errno.
 */
int copies_rename(const char *old, const char *new);

/* Removes a copy's directory. It stops counting before the first file of it is gone. 0, negative errno. */
int copies_remove(const char *path);
