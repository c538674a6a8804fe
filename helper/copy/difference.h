/* What the guest has changed in a copy, and the host in the original meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/copy/record.h"

typedef enum ChangeKind { CHANGE_NEW, CHANGE_CHANGED, CHANGE_REMOVED, N_CHANGE_KINDS } ChangeKind;

/* Why a change is not applied. */
typedef enum ChangeRefusal {
        REFUSAL_NONE,
        REFUSAL_SET_ID,     /* it has a set-user-ID or set-group-ID bit */
        REFUSAL_LINK,       /* it is a link that may lead out of the project */
        REFUSAL_PROTECTED,  /* programs of the host obey the name */
        REFUSAL_REPOSITORY, /* it is a git repository, whose configuration they obey */
        REFUSAL_SPECIAL,    /* it is a socket, a FIFO or a device */
        N_CHANGE_REFUSALS,
} ChangeRefusal;

typedef struct Change {
        char *path; /* owned */
        ChangeKind kind;
        ChangeRefusal refusal;
        mode_t mode;      /* of what is in the copy; of a removed file, in the original */
        uint64_t size;    /* likewise */
        bool is_conflict; /* the original is not what it was when it was copied */
} Change;

typedef struct Changes {
        Change *items; /* sorted by path */
        size_t n;
        bool is_incomplete; /* not all of the copy could be looked at, so nothing counts as removed */
} Changes;

/* Compares. `protect`: the words of Protect=. The record's `is_seen` is used. 0, negative errno. */
int difference_find(int origin, int work, Record *record, const char *protect, Changes *ret);

/* As words: "new"; "has a set-user-ID bit". */
const char *change_kind(ChangeKind kind);
const char *change_refusal(ChangeRefusal refusal);

/* True if the target of a link at `path` stays in the project whatever the rest of it holds: it is relative,
 * and goes up no further than the project's root, and not after it has gone down. */
bool change_link_stays(const char *path, const char *target);

/* True if programs of the host obey the name, at any depth. */
bool change_is_obeyed(const char *path, const char *protect);

void changes_done(Changes *changes);
