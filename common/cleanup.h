/* Cleanup attributes: every owned local names its destructor where it is declared. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines `void fp(type *)`, the cleanup form of the destructor `f`. */
#define DEFINE_CLEANUP(type, f, name)                                                                       \
        static inline void name(type *p) {                                                                  \
                if (*p)                                                                                     \
                        f(*p);                                                                              \
        }

static inline void free_cleanup(void *p) {
        free(*(void **) p);
}
DEFINE_CLEANUP(FILE *, fclose, fclose_cleanup)
DEFINE_CLEANUP(DIR *, closedir, closedir_cleanup)

static inline void close_cleanup(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

#define _cleanup_free_ _cleanup_(free_cleanup)
#define _cleanup_fclose_ _cleanup_(fclose_cleanup)
#define _cleanup_closedir_ _cleanup_(closedir_cleanup)
#define _cleanup_close_ _cleanup_(close_cleanup)

/* Gives up ownership of a pointer: returns it and clears the local. */
#define TAKE_PTR(p)                                                                                         \
        ({                                                                                                  \
                typeof(p) _taken = (p);                                                                     \
                (p) = NULL;                                                                                 \
                _taken;                                                                                     \
        })

/* The same for a file descriptor. */
#define TAKE_FD(fd)                                                                                         \
        ({                                                                                                  \
                int _taken = (fd);                                                                          \
                (fd) = -EBADF;                                                                              \
                _taken;                                                                                     \
        })

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
