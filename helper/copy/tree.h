/* A walk over a directory that a guest may write to at the same time. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#define TREE_DEPTH_MAX 200U

typedef struct TreeEntry {
        int directory;    /* a descriptor of the directory that has the entry */
        const char *name; /* in that directory */
        const char *path; /* from the root of the walk */
        struct stat st;   /* of the entry itself: no link is followed */
} TreeEntry;

typedef struct Tree {
        int root; /* descriptor */
        /* Called for each entry, for a directory before what is in it. 0; TREE_SKIP: do not enter this
         * directory; negative errno, which ends the walk. */
        int (*visit)(void *userdata, const TreeEntry *e);
        /* The same after what is in a directory; NULL: not called. */
        int (*leave)(void *userdata, const TreeEntry *e);
        void *userdata;
        /* The walk sets it if it could not look everywhere: a directory that this user may not read, a path
         * that is too long, or too many levels. */
        bool is_incomplete;
} Tree;

enum { TREE_SKIP = 1 };

/* Walks. 0, or the negative errno of a visit. */
int tree_walk(Tree *tree);
