/* A directory of a fuzz target's own, for a parser that reads a file itself. */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* Its path is in `path`, which is a template of mkdtemp(). A descriptor of it. */
static inline int directory_new(char *path) {
        int fd = mkdtemp(path) ? open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC) : -1;

        if (fd < 0)
                abort();
        return fd;
}

static inline void directory_write(int directory, const char *name, const void *data, size_t size) {
        int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        close(fd);
}
