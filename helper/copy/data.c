#include "helper/copy/data.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_SIZE (256U * 1024U)

bool data_reflink(int from, int to) {
        return ioctl(to, FICLONE, from) == 0;
}

static int write_all(int fd, const char *buffer, size_t n, off_t at) {
        while (n > 0) {
                ssize_t written = pwrite(fd, buffer, n, at);

                if (written <= 0)
                        return written < 0 ? -errno : -EIO;
                buffer += written;
                at += written;
                n -= (size_t) written;
        }
        return 0;
}

/* For file systems between which the kernel does not copy. */
static int copy_by_hand(int from, int to, off_t at, off_t end) {
        static char buffer[BUFFER_SIZE];

        while (at < end) {
                size_t wanted = end - at < (off_t) sizeof(buffer) ? (size_t) (end - at) : sizeof(buffer);
                ssize_t n = pread(from, buffer, wanted, at);
                int r;

                if (n <= 0)
                        return n < 0 ? -errno : 0;
                r = write_all(to, buffer, (size_t) n, at);
                if (r < 0)
                        return r;
                at += n;
        }
        return 0;
}

static int copy_range(int from, int to, off_t at, off_t end) {
        off_t in = at, out = at;

        while (in < end) {
                ssize_t n = copy_file_range(from, &in, to, &out, (size_t) (end - in), 0);

                if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
                        return copy_by_hand(from, to, in, end);
                /* 0 is also what some file systems say of a file that has no size, as in /proc */
                if (n <= 0)
                        return n < 0 ? -errno : copy_by_hand(from, to, in, end);
        }
        return 0;
}

int data_copy(int from, int to, off_t size) {
        off_t at = 0;
        int r = 0;

        while (r >= 0 && at < size) {
                off_t begin = lseek(from, at, SEEK_DATA), end;

                if (begin < 0 && errno == ENXIO)
                        break;
                if (begin < 0)
                        begin = at; /* a file system that knows no holes */
                end = lseek(from, begin, SEEK_HOLE);
                if (end < 0 || end > size)
                        end = size;
                if (begin < end)
                        r = copy_range(from, to, begin, end);
                at = end > begin ? end : size;
        }
        if (r >= 0 && ftruncate(to, size) < 0)
                r = -errno;
        return r;
}
