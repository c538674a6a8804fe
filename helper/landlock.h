/* What this process may still open. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum LandlockAccess {
        LANDLOCK_READ,
        LANDLOCK_RUN,    /* read and execute */
        LANDLOCK_WRITE,  /* read, write, make and remove files and sockets */
        LANDLOCK_DEVICE, /* read, write, ioctl() */
} LandlockAccess;

/* A file, or a directory with all below it. One that does not exist is left out. */
typedef struct LandlockPath {
        const char *path;
        LandlockAccess access;
} LandlockPath;

/* The version of the kernel's interface, 0 if it has none. */
int landlock_version(void);

/* From now on these paths and nothing else, no signal and no abstract socket to anybody outside, and no
 * new TCP connection if so asked; as far as the kernel can. 0, negative errno. */
int landlock_restrict(const LandlockPath *paths, size_t n, bool no_tcp);
