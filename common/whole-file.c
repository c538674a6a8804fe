#include "common/whole-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

int whole_file_read_fd(int fd, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = malloc(max + 1);
        size_t size = 0;
        ssize_t n;

        if (!text)
                return -ENOMEM;
        do {
                n = read(fd, text + size, max - size);
                if (n < 0)
                        return -errno;
                size += (size_t) n;
        } while (n > 0 && size < max);
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

static int read_text(int fd, size_t max, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = whole_file_read_fd(fd, max + 1, &text, &size);

        if (r < 0)
                return r;
        if (size > max)
                return -EFBIG;
        if (strlen(text) != size)
                return -EINVAL;
        *ret = TAKE_PTR(text);
        return 0;
}

int whole_file_read(const char *path, size_t max, char **ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        return fd < 0 ? -errno : read_text(fd, max, ret);
}

int whole_file_read_at(int dir_fd, const char *name, size_t max, char **ret) {
        _cleanup_close_ int fd =
                        openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return S_ISREG(st.st_mode) ? read_text(fd, max, ret) : -ENOTSUP;
}

int whole_file_create(const char *path, mode_t mode, const void *content, size_t size) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = write(fd, content, size);
        if (n == (ssize_t) size)
                return 0;
        n = n < 0 ? -errno : -ENOSPC;
        /* half a file would count as the whole */
        unlink(path);
        return (int) n;
}
