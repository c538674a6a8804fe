/* A file belongs to who holds its lock, a lock of the open file description: QEMU inherits the descriptor
 * and the lock with it, so the disk of a VM whose helper is killed stays locked until QEMU has ended as
 * well. */

#include "helper/host/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/disk-name.h"
#include "common/strjoin.h"
#include "common/why.h"

#define PIECE (64U * 1024U * 1024U)
#define MIB_SHIFT 20

int disk_directory_open(const char *data_home, bool make) {
        _cleanup_free_ char *path = strjoin(data_home, "/claude-microvm/" DISK_DIRECTORY, NULL);
        int fd, r = path ? 0 : -ENOMEM;

        if (r >= 0 && make)
                r = directory_make(path);
        if (r < 0)
                return r;
        /* it may be a link of the user's, to where there is more room: no guest reaches it */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* A link could lead to any file of the user's, which the guest would then write. */
static int open_file(int directory, const char *file, bool make) {
        _cleanup_close_ int fd = openat(directory, file,
                        O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
                return -ENOTSUP;
        if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int lock(int fd) {
        struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        if (fcntl(fd, F_OFD_SETLK, &whole) >= 0)
                return 0;
        return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* True if the name still means the open file: it was not removed or renamed before the lock was ours. */
static bool is_current(int directory, const char *file, int fd) {
        struct stat a, b;

        return fstat(fd, &a) >= 0 && fstatat(directory, file, &b, AT_SYMLINK_NOFOLLOW) >= 0 &&
                        a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int disk_lock(int directory, const char *file, bool make) {
        for (;;) {
                _cleanup_close_ int fd = open_file(directory, file, make);
                int r = fd < 0 ? fd : lock(fd);

                if (r < 0)
                        return r;
                if (is_current(directory, file, fd))
                        return TAKE_FD(fd);
        }
}

int disk_explain(const char *project, int error, char **ret_why) {
        switch (error) {
        case -ENOMEM:
                return error;
        case -EBUSY:
                return why_say(ret_why, -EINVAL,
                                "The disk of '%s' is in use: its VM still ends, or claude-run disk works on it. Try again in a moment",
                                project);
        case -ELOOP:
                return why_say(ret_why, -EINVAL,
                                "The disk of '%s' is a symbolic link, and no guest gets what one leads to: put the file itself there, or set Disk=no",
                                project);
        case -ENOTSUP:
                return why_say(ret_why, -EINVAL,
                                "The disk of '%s' is not a regular file of yours: remove it, or set Disk=no",
                                project);
        case -EFBIG:
                return why_say(ret_why, -EINVAL,
                                "The disk of '%s' cannot be that large on its file system: write a smaller Disk=",
                                project);
        default:
                return why_say(ret_why, -EINVAL,
                                "The disk of '%s' cannot be opened for writing: %s. Look at ~/.local/share/claude-microvm/" DISK_DIRECTORY
                                ", or set Disk=no",
                                project, strerror(-error));
        }
}

/* Never smaller: the guest's file system would lose its end. */
static int grow(int fd, uint64_t size_mib, uint64_t *ret_size_mib) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t) st.st_size < size_mib << MIB_SHIFT &&
                        ftruncate(fd, (off_t) (size_mib << MIB_SHIFT)) < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_size_mib = (uint64_t) st.st_size >> MIB_SHIFT;
        return 0;
}

int disk_open(const char *data_home, const char *project, uint64_t size_mib, uint64_t *ret_size_mib,
                char **ret_why) {
        _cleanup_close_ int directory = disk_directory_open(data_home, true), fd = -EBADF;
        char file[DISK_NAME_MAX];
        int r = directory < 0 ? directory : disk_name_make(project, NULL, file);

        if (r >= 0)
                r = fd = disk_lock(directory, file, true);
        if (r >= 0)
                r = grow(fd, size_mib, ret_size_mib);
        return r < 0 ? disk_explain(project, r, ret_why) : TAKE_FD(fd);
}

/* The next piece of data at or after `at`. 0; -ENXIO: only a hole follows; other negative errno. */
static int next_data(int fd, off_t at, off_t *ret_start, size_t *ret_size) {
        off_t start = lseek(fd, at, SEEK_DATA), end;

        if (start < 0)
                return -errno;
        end = lseek(fd, start, SEEK_HOLE);
        if (end < 0)
                return -errno;
        *ret_start = start;
        *ret_size = end - start > (off_t) PIECE ? PIECE : (size_t) (end - start);
        return 0;
}

static int copy_piece(int from, int to, off_t start, size_t size) {
        off_t in = start, out = start;

        while (size > 0) {
                ssize_t n = copy_file_range(from, &in, to, &out, size, 0);

                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                size -= (size_t) n;
        }
        return 0;
}

static int copy_data(int from, int to, uint64_t total, disk_progress progress, void *userdata) {
        uint64_t copied = 0;
        size_t size = 0;
        off_t at = 0;
        int r;

        for (;; at += (off_t) size) {
                r = next_data(from, at, &at, &size);
                if (r < 0)
                        return r == -ENXIO ? 0 : r;
                r = copy_piece(from, to, at, size);
                if (r < 0)
                        return r;
                copied += size;
                r = progress(userdata, copied, total > copied ? total : copied);
                if (r != 0)
                        return r;
        }
}

int disk_copy(int from, int to, disk_progress progress, void *userdata) {
        struct stat st;
        int r;

        if (fstat(from, &st) < 0)
                return -errno;
        if (ioctl(to, FICLONE, from) >= 0)
                return progress(userdata, disk_allocated(&st), disk_allocated(&st));
        /* the holes stay holes */
        if (ftruncate(to, st.st_size) < 0)
                return -errno;
        r = copy_data(from, to, disk_allocated(&st), progress, userdata);
        return r == 0 && fsync(to) < 0 ? -errno : r;
}

uint64_t disk_allocated(const struct stat *st) {
        return 512 * (uint64_t) st->st_blocks;
}
