/* What a copy was made from: where, and the state of each file on both sides at that time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/* What tells that a file is still the same. Times in nanoseconds. */
typedef struct FileState {
        uint32_t mode;
        uint64_t size, inode;
        int64_t mtime_nsec, ctime_nsec;
} FileState;

typedef struct RecordEntry {
        char *path; /* below the work directory; borrowed from the record's text, or owned */
        FileState original, copy;
        bool is_owned; /* the path */
        bool is_seen;  /* for the user of the record */
        bool is_gone;  /* record_write() leaves it out */
} RecordEntry;

typedef struct Record {
        char *text;   /* owned */
        char *origin; /* the work directory; borrowed from the text */
        RecordEntry *entries;
        size_t n, n_sorted; /* of those added later, the order is not kept */
} Record;

FileState file_state(const struct stat *st);

/* True if nobody has written to the file: its time of change is the kernel's, which a guest cannot set. Of a
 * directory only the type counts. */
bool file_state_is_untouched(const FileState *was, const FileState *is);

/* True if type, size, time and inode are those that were written down. A change of mode alone, or another
 * name for the file, is none of its content. */
bool file_state_is_same(const FileState *was, const FileState *is);

/* Begins the text of a record, and adds an entry. 0, negative errno. */
int record_begin(FILE *f, const char *origin);
int record_print(FILE *f, const char *path, const FileState *original, const FileState *copy);

/* Reads the file `name` of a directory. 0 and an owned record; -ENOENT; -EBADMSG: it is not one of ours;
 * other negative errno. */
int record_read(int directory, const char *name, Record *ret);

/* Replaces the file. 0, negative errno. */
int record_write(int directory, const char *name, const Record *record);

/* The entry of a path, or NULL. */
RecordEntry *record_find(Record *record, const char *path);

/* Sets the entry of a path, and may move all entries. 0, -ENOMEM. */
int record_set(Record *record, const char *path, const FileState *original, const FileState *copy);

void record_done(Record *record);
