#include "common/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"

#define UNIT_MAX (1024U * 1024U)

int directory_make(const char *path) {
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

int directory_make_parents(const char *path) {
        _cleanup_free_ char *parent = strndup(path, (size_t) (strrchr(path, '/') - path));

        return parent ? directory_make(parent) : -ENOMEM;
}

int directory_lock(const char *path, int operation) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat opened, named;

        if (fd < 0 || fstat(fd, &opened) < 0)
                return -errno;
        if (opened.st_uid != geteuid())
                return -EPERM;
        if (flock(fd, operation) < 0)
                return -errno;
        if (lstat(path, &named) < 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
                return -ENOENT;
        return TAKE_FD(fd);
}

void directory_remove(const char *path) {
        _cleanup_closedir_ DIR *dir = opendir(path);
        int fd = dir ? dirfd(dir) : -EBADF;

        if (fd < 0)
                return;
        /* unlink() refuses `.` and `..`, and follows no link */
        for (const struct dirent *entry; (entry = readdir(dir));)
                (void) unlinkat(fd, entry->d_name, 0);
        (void) rmdir(path);
}

int directory_list(const char *path, char ***ret) {
        _cleanup_closedir_ DIR *dir = opendir(path);
        _cleanup_strv_free_ char **names = NULL;

        if (!dir && errno != ENOENT)
                return -errno;
        for (const struct dirent *entry; dir && (entry = readdir(dir));)
                if (entry->d_name[0] != '.' && strv_append(&names, entry->d_name) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(names);
        return 0;
}

int directory_remove_tree(const char *path, unsigned depth) {
        _cleanup_strv_free_ char **names = NULL;
        int r = directory_list(path, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *child = strjoin(path, "/", names[i], NULL);

                if (!child)
                        return -ENOMEM;
                if (unlink(child) < 0)
                        r = errno == EISDIR && depth > 0 ? directory_remove_tree(child, depth - 1) : -errno;
        }
        if (r >= 0 && rmdir(path) < 0 && errno != ENOENT)
                r = -errno;
        return r;
}

int directory_is_same(const char *a, const char *b) {
        _cleanup_strv_free_ char **names = NULL, **others = NULL;
        int r = directory_list(a, &names);

        if (r >= 0)
                r = directory_list(b, &others);
        if (r < 0 || strv_length(names) != strv_length(others))
                return r;
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *in_a = strjoin(a, "/", names[i], NULL),
                                    *in_b = strjoin(b, "/", names[i], NULL), *text_a = NULL, *text_b = NULL;

                if (!in_a || !in_b)
                        return -ENOMEM;
                r = whole_file_read(in_a, UNIT_MAX, &text_a);
                if (r == -EISDIR)
                        r = directory_is_same(in_a, in_b);
                else if (r >= 0)
                        r = whole_file_read(in_b, UNIT_MAX, &text_b) >= 0 && strcmp(text_a, text_b) == 0;
                if (r <= 0)
                        return r == -ENOENT ? 0 : r;
        }
        return 1;
}
