/* The only way in which the project finds out where the path of a shared directory leads. */
#pragma once

#include <limits.h>
#include <stddef.h>

/* Which symbolic links on the way count. */
typedef enum PathLinks {
        PATH_LINKS_NONE,    /* none: the path is canonical, and must still be */
        PATH_LINKS_TRUSTED, /* those that no guest can have made; any other is an error */
        PATH_LINKS_ALL,     /* all: for a place that is kept from guests, where a link only adds to it */
} PathLinks;

/* Where a walk has ended. */
typedef struct PathPlace {
        char path[PATH_MAX]; /* without links; what does not exist stays as it is written */
        size_t existing;     /* the length of the part of it that exists */
        int error;           /* 0: all of it is a directory; negative errno: why the walk stopped there */
        int fd;              /* O_PATH, of the last directory on the way */
} PathPlace;

/* For many walks by one rule. Initialize with PATH_WALKER(). */
typedef struct PathWalker {
        PathLinks links;
        const char *home; /* borrowed, canonical: links that lie in it count. NULL: there is none */
        const char *tree; /* likewise, and links that lie deeper in it count, too */
        /* most projects lie beside each other, so the place of the last parent is kept */
        char written[PATH_MAX]; /* the parent as it was asked for */
        PathPlace parent;
} PathWalker;

#define PATH_WALKER(how, where) ((PathWalker) { .links = (how), .home = (where), .parent.fd = -EBADF })

void path_walker_done(PathWalker *walker);

/* Walks the absolute `path`. 0: `ret` says how far it exists; its descriptor is owned by the caller. -ELOOP:
 * a component is a link that does not count, or there are too many of them; `ret->path` is that link, and
 * nothing is owned. -ENOENT: a link leads through a directory that does not exist. -ENAMETOOLONG; other
 * negative errno: `ret->path` is a text then, too, and means nothing. */
int path_walk(PathWalker *walker, const char *path, PathPlace *ret);

void path_place_done(PathPlace *place);

/* Opens the directory `path` without following a link anywhere on it. An O_PATH descriptor; -ELOOP: a part
 * of it is a link; other negative errno. */
int path_open_directory(const char *path);
