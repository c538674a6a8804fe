#include "helper/claude-run/disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/usec.h"
#include "helper/claude-run/memory.h"
#include "helper/host/disk.h"

static int compare(const void *a, const void *b) {
        const DiskFile *x = a, *y = b;
        int r = strcmp(x->project, y->project);

        return r != 0 ? r : strcmp(x->tag, y->tag);
}

static void add(DiskFiles *f, const char *name) {
        DiskFile *grown, file = {};
        struct stat st;

        if (disk_name_parse(name, file.project, file.tag) < 0 ||
                        fstatat(f->directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return;
        strcpy(file.file, name);
        file.size = (uint64_t) st.st_size;
        file.allocated = disk_allocated(&st);
        file.changed_usec = (uint64_t) st.st_mtim.tv_sec * SEC;
        grown = NEED(reallocarray(f->items, f->n + 1, sizeof(DiskFile)));
        f->items = grown;
        f->items[f->n++] = file;
}

int disk_files_read(DiskFiles *ret) {
        _cleanup_free_ char *data_home = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        DiskFiles f = { .directory = disk_directory_open(data_home, false) };
        _cleanup_closedir_ DIR *dir = NULL;

        *ret = f;
        if (f.directory < 0)
                return f.directory == -ENOENT ? 0 : f.directory;
        dir = fdopendir(fcntl(f.directory, F_DUPFD_CLOEXEC, 3));
        if (!dir)
                return -errno;
        for (const struct dirent *entry; (entry = readdir(dir));)
                add(&f, entry->d_name);
        if (f.n > 0)
                qsort(f.items, f.n, sizeof(DiskFile), compare);
        *ret = f;
        return 0;
}

void disk_files_done(DiskFiles *f) {
        if (f->directory >= 0)
                close(f->directory);
        free(f->items);
}

const DiskFile *disk_files_find(const DiskFiles *f, const char *project, const char *tag) {
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->items[i].project, project) == 0 && strcmp(f->items[i].tag, tag) == 0)
                        return &f->items[i];
        return NULL;
}

uint64_t disk_files_allocated(const DiskFiles *f, const char *project, unsigned *ret_n) {
        uint64_t sum = 0;

        *ret_n = 0;
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->items[i].project, project) == 0) {
                        sum += f->items[i].allocated;
                        ++*ret_n;
                }
        return sum;
}

/* The lock of the disk is that of its snapshots, too: a copy has it. */
static int lock_project(const DiskFiles *f, const char *project) {
        const DiskFile *disk = disk_files_find(f, project, "");
        int fd = disk ? disk_lock(f->directory, disk->file, false) : -ENOENT;

        return fd;
}

int disk_files_remove(const DiskFiles *f, const char *project) {
        _cleanup_close_ int lock = lock_project(f, project);

        if (lock < 0 && lock != -ENOENT)
                return lock;
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->items[i].project, project) == 0 &&
                                unlinkat(f->directory, f->items[i].file, 0) < 0)
                        return -errno;
        return 0;
}

int disk_files_rename(const DiskFiles *f, const char *project, const char *new) {
        _cleanup_close_ int lock = lock_project(f, project);

        if (lock < 0 && lock != -ENOENT)
                return lock;
        for (size_t i = 0; i < f->n; i++) {
                const DiskFile *file = &f->items[i];
                char name[DISK_NAME_MAX];
                int r;

                if (strcmp(file->project, project) != 0)
                        continue;
                r = disk_name_make(new, file->tag[0] ? file->tag : NULL, name);
                if (r >= 0 && renameat2(f->directory, file->file, f->directory, name, RENAME_NOREPLACE) < 0)
                        r = -errno;
                if (r < 0)
                        return r;
        }
        return 0;
}

void disk_print_size(uint64_t bytes, char ret[static DISK_SIZE_MAX]) {
        static const char units[] = "KMGTPE";
        unsigned unit = 0;
        double value = (double) bytes / 1024;

        for (; value >= 1000 && units[unit + 1]; unit++)
                value /= 1024;
        snprintf(ret, DISK_SIZE_MAX, value < 10 && value > 0 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}
