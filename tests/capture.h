/* What a function writes to stdout or stderr, for tests of modules that speak to the user. */
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/test.h"

typedef struct Capture {
        int fd, before, file;
} Capture;

/* Until capture_end() the descriptor leads to a file in memory. No assertion may fail meanwhile: nobody
 * would read its message. */
static inline Capture capture_begin(int fd) {
        Capture c = { .fd = fd };

        fflush(NULL);
        c.before = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        c.file = memfd_create("capture", MFD_CLOEXEC);
        assert_true(c.before >= 0 && c.file >= 0);
        assert_true(dup2(c.file, fd) >= 0);
        return c;
}

/* What was written since; valid until the next call. */
static inline const char *capture_end(Capture c) {
        static char text[32768];
        ssize_t n;

        fflush(NULL);
        n = pread(c.file, text, sizeof(text) - 1, 0);
        dup2(c.before, c.fd);
        close(c.before);
        close(c.file);
        assert_true(n >= 0);
        text[n] = '\0';
        return text;
}

static inline void assert_says(const char *text, const char *expected) {
        if (!strstr(text, expected))
                fail_msg("'%s' has no '%s'", text, expected);
}
