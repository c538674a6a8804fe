#include "common/trusted-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/whole-file.h"

static int refuse(int r, char why[static TRUSTED_FILE_WHY_MAX], const char *format, ...)
                __attribute__((format(printf, 3, 4)));
static int refuse(int r, char why[static TRUSTED_FILE_WHY_MAX], const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(why, TRUSTED_FILE_WHY_MAX, format, ap);
        va_end(ap);
        return r;
}

/* Refuses what is not a regular file, and a file that another user may have written. */
static int check(const struct stat *st, size_t max, char why[static TRUSTED_FILE_WHY_MAX]) {
        if (!S_ISREG(st->st_mode))
                return refuse(-EPERM, why, "not a regular file");
        if (st->st_uid != getuid() && st->st_uid != 0)
                return refuse(-EPERM, why, "belongs to user %u: it must be yours or root's", st->st_uid);
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return refuse(-EPERM, why, "others can write it: chmod go-w");
        if (st->st_size > (off_t) max)
                return refuse(-EPERM, why, "has more than %zu bytes", max);
        return 0;
}

static bool is_mask(int dir_fd, const char *name) {
        char target[sizeof("/dev/null")];

        return readlinkat(dir_fd, name, target, sizeof(target)) == (ssize_t) strlen("/dev/null") &&
                        memcmp(target, "/dev/null", strlen("/dev/null")) == 0;
}

static int open_failed(int r, int dir_fd, const char *name, char why[static TRUSTED_FILE_WHY_MAX]) {
        if (r == -ELOOP && is_mask(dir_fd, name))
                return 1;
        if (r == -ELOOP)
                return refuse(r, why, "is a symbolic link: put the file itself there");
        return refuse(r, why, "cannot be opened: %s", strerror(-r));
}

int trusted_file_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_size,
                uid_t *ret_owner, char ret_why[static TRUSTED_FILE_WHY_MAX]) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        ret_why[0] = '\0';
        /* O_NONBLOCK: opening a FIFO must not wait for its writer */
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return open_failed(-errno, dir_fd, name, ret_why);
        if (fstat(fd, &st) < 0)
                return refuse(-errno, ret_why, "cannot be examined: %s", strerror(errno));
        r = check(&st, max, ret_why);
        if (r < 0)
                return r;
        if (st.st_size == 0)
                return 1;
        r = whole_file_read_fd(fd, (size_t) st.st_size, ret, ret_size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return refuse(r, ret_why, "cannot be read: %s", strerror(-r));
        *ret_owner = st.st_uid;
        return 0;
}
