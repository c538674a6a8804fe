/* The files of disks and snapshots that there are, for the verbs that show, copy and remove them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/disk-name.h"

typedef struct DiskFile {
        char file[DISK_NAME_MAX], project[DISK_NAME_MAX];
        char tag[DISK_NAME_MAX];  /* empty: the disk itself */
        uint64_t size, allocated; /* bytes */
        uint64_t changed_usec;
} DiskFile;

typedef struct DiskFiles {
        int directory; /* a descriptor; negative: there is none, and so no file */
        DiskFile *items;
        size_t n;
} DiskFiles;

/* All of this user's, sorted by project, each disk before its snapshots. 0, negative errno. */
int disk_files_read(DiskFiles *ret);
void disk_files_done(DiskFiles *f);

/* A disk (tag: "") or a snapshot; NULL if there is none. */
const DiskFile *disk_files_find(const DiskFiles *f, const char *project, const char *tag);

/* Bytes that all files of a project take, and how many there are. */
uint64_t disk_files_allocated(const DiskFiles *f, const char *project, unsigned *ret_n);

/* Removes all files of a project, or gives them to another name, which has none. 0; -EBUSY: one is in use,
 * and nothing was done; other negative errno. */
int disk_files_remove(const DiskFiles *f, const char *project);
int disk_files_rename(const DiskFiles *f, const char *project, const char *new);

#define DISK_SIZE_MAX 16U

/* As `1.2G`. */
void disk_print_size(uint64_t bytes, char ret[static DISK_SIZE_MAX]);
