/* What was found in a project that programs of the host obey, and the files that keep it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

#define FINDINGS_MAX 20000U
#define FINDINGS_BYTES_MAX (4U * 1024 * 1024) /* of all places, names and values */

typedef enum FindingKind {
        FINDING_DIRECTORY, /* that was looked at; its value is its path */
        FINDING_SETTING,   /* of git's, that runs a command: name and value */
        FINDING_FILE, /* that a program of the host obeys; the value is its content, or its size and time */
        FINDING_REPOSITORY, /* below the project's own */
        FINDING_SET_ID,     /* a file with a set-user-ID or set-group-ID bit */
        FINDING_PROGRAM,    /* in a directory that a PATH has, like node_modules/.bin */
        N_FINDING_KINDS,
} FindingKind;

typedef struct Finding {
        FindingKind kind;
        char *place; /* below the work directory, or absolute in another share */
        char *name;  /* of a setting, else "" */
        char *value; /* `size` bytes, and NUL */
        size_t size;
        bool is_changed; /* of a list of changes: it was there before; else it is new */
} Finding;

typedef struct Findings {
        Finding *items;
        size_t n, bytes;
        bool is_incomplete; /* a limit was reached */
} Findings;

void findings_done(Findings *f);
#define _cleanup_findings_ _cleanup_(findings_done)

/* Copies all it is given. At a limit the list becomes incomplete instead. 0 or -ENOMEM. */
int findings_add(Findings *f, FindingKind kind, const char *place, const char *name, const char *value,
                size_t size);

/* What `now` has and `before`, which is sorted, has not. 0 or -ENOMEM. */
int findings_compare(const Findings *before, const Findings *now, Findings *ret);
void findings_sort(Findings *f);

/* Replaces the file `path`. `with_content`: values of FINDING_FILE too. 0, negative errno. */
int findings_write(const Findings *f, const char *path, bool with_content);

/* 0; -EBADMSG: the file is not one of these; other negative errno. */
int findings_read(const char *path, Findings *ret);
