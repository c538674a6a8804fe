#include "common/directory.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

int make_directories(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
                if (slash)
                        *slash = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                        return -errno;
                if (!slash)
                        return 0;
                *slash = '/';
        }
}

int make_parent_directories(const char *path) {
        _cleanup_free_ char *parent = strndup(path, (size_t) (strrchr(path, '/') - path));

        return parent ? make_directories(parent) : -ENOMEM;
}

void remove_directory(const char *path) {
        _cleanup_closedir_ DIR *dir = opendir(path);
        int fd = dir ? dirfd(dir) : -EBADF;

        if (fd < 0)
                return;
        /* unlink() refuses `.` and `..`, and follows no link */
        for (const struct dirent *entry; (entry = readdir(dir));)
                (void) unlinkat(fd, entry->d_name, 0);
        (void) rmdir(path);
}
