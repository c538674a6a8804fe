/* The copy of a work directory on which a guest works (Workspace=copy). */
#pragma once

#include <stdint.h>

/* What a copy's directory has: the copy itself, which is the share, and its record. */
#define COPY_WORK "work"
#define COPY_RECORD "record"

/* The directory of all copies, or that of a VM if `id` is not NULL. Owned; NULL without memory. */
char *copy_path(const char *data_home, const char *id);

typedef struct CopyRequest {
        const char *data_home; /* $XDG_DATA_HOME */
        const char *id;
        const char *origin; /* the work directory */
        uint64_t max_mib;   /* to copy; what shares its blocks with the original does not count */
        /* Called now and then; NULL: not called. `total`: 0 while that is not known. */
        void (*progress)(uint64_t bytes, uint64_t total);
} CopyRequest;

typedef struct CopyResult {
        uint64_t files, bytes; /* of which so many */
        uint64_t copied_bytes; /* are no reflinks */
        uint64_t n_left_out;   /* sockets, devices, and what this user may not read */
} CopyResult;

/* Makes the copy unless there is one. 1: made now; 0: there was one, `ret` is not set. -EINVAL and an owned
 * sentence in `ret_why` for the user, other negative errno. A copy that is not whole never has the name of
 * one. */
int copy_make(const CopyRequest *request, CopyResult *ret, char **ret_why);

/* Bytes on the disk of a directory that a guest may write to; UINT64_MAX if that is not known. */
uint64_t copy_disk_usage(const char *path);
