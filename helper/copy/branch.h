/* The commits of a copy, as refs of the original's repository. */
#pragma once

#include "helper/copy/record.h"

#define BRANCH_REFS "refs/remotes/claude/" /* + NAME/BRANCH in the original */

typedef struct BranchRequest {
        const char *git;       /* absolute path of the program */
        const char *id;        /* of the VM */
        const char *origin;    /* the work directory */
        const char *directory; /* where a temporary repository may be made */
        int work;              /* the copy */
        Record *record;        /* of the copy */
} BranchRequest;

typedef struct Branches {
        char **names;   /* of the copy's branches, owned */
        unsigned n_odd; /* refs that are not passed on: their name or value is not one of git's */
} Branches;

/* Fetches. 0; -EINVAL and an owned sentence in `ret_why` for the user; other negative errno. */
int branch_fetch(const BranchRequest *request, Branches *ret, char **ret_why);

/* True for the name of a branch that git takes and a terminal shows as it is. */
bool branch_name_is_valid(const char *name);

void branches_done(Branches *branches);
