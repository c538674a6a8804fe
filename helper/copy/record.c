/* A text of fields with NUL after each, because a name may have any other byte. The guest never sees it: it
 * lies beside the directory that is shared. */

#include "helper/copy/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/whole-file.h"

#define MAGIC "claude-microvm copy 1"
#define RECORD_MAX (1024U * 1024U * 1024U)
#define NSEC_PER_SEC INT64_C(1000000000)
#define ADDED_MAX 500U /* entries that are not sorted yet */

static int64_t nsec_of(const struct timespec *t) {
        return t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

FileState file_state(const struct stat *st) {
        return (FileState) { st->st_mode, (uint64_t) st->st_size, st->st_ino, nsec_of(&st->st_mtim),
                nsec_of(&st->st_ctim) };
}

static bool is_same_type(const FileState *a, const FileState *b) {
        return (a->mode & S_IFMT) == (b->mode & S_IFMT);
}

bool file_state_is_untouched(const FileState *was, const FileState *is) {
        return is_same_type(was, is) &&
                        (S_ISDIR(is->mode) ||
                                        (was->inode == is->inode && was->ctime_nsec == is->ctime_nsec &&
                                                        was->size == is->size));
}

bool file_state_is_same(const FileState *was, const FileState *is) {
        return is_same_type(was, is) &&
                        (S_ISDIR(is->mode) ||
                                        (was->inode == is->inode && was->mtime_nsec == is->mtime_nsec &&
                                                        was->size == is->size));
}

/* --- writing ---------------------------------------------------------------------------- */

int record_begin(FILE *f, const char *origin) {
        return fprintf(f, MAGIC "%c%s%c", 0, origin, 0) < 0 ? -EIO : 0;
}

static int print_state(FILE *f, const FileState *s) {
        return fprintf(f, "%" PRIx32 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " ", s->mode, s->size,
                        s->inode, (uint64_t) s->mtime_nsec, (uint64_t) s->ctime_nsec);
}

int record_print(FILE *f, const char *path, const FileState *original, const FileState *copy) {
        if (print_state(f, original) < 0 || print_state(f, copy) < 0)
                return -EIO;
        return fprintf(f, "%s%c", path, 0) < 0 ? -EIO : 0;
}

static int print_all(FILE *f, const Record *record) {
        int r = record_begin(f, record->origin);

        for (size_t i = 0; r >= 0 && i < record->n; i++) {
                const RecordEntry *e = &record->entries[i];

                if (!e->is_gone)
                        r = record_print(f, e->path, &e->original, &e->copy);
        }
        return r >= 0 && fflush(f) != 0 ? -errno : r;
}

/* Takes ownership of the descriptor. */
static int write_all(int fd, const Record *record) {
        FILE *f = fdopen(fd, "w");
        int r;

        if (!f) {
                r = -errno;
                close(fd);
                return r;
        }
        r = print_all(f, record);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        return fclose(f) != 0 && r >= 0 ? -errno : r;
}

int record_write(int directory, const char *name, const Record *record) {
        int fd = openat(directory, "record.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                        0600);
        int r = fd < 0 ? -errno : write_all(fd, record);

        if (r >= 0 && renameat(directory, "record.new", directory, name) < 0)
                r = -errno;
        return r;
}

/* --- reading ---------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b) {
        return strcmp(((const RecordEntry *) a)->path, ((const RecordEntry *) b)->path);
}

/* Moves `*p` behind the next field. NULL at the end, or if the field has none. */
static char *next_field(char **p, const char *end) {
        char *field = *p;
        size_t n = *p < end ? strlen(field) : 0;

        if (n == 0 || field + n >= end)
                return NULL;
        *p += n + 1;
        return field;
}

static bool read_number(char **p, uint64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoull(*p, &end, 16);
        if (errno != 0 || end == *p || *end != ' ')
                return false;
        *p = end + 1;
        return true;
}

static bool read_state(char **p, FileState *ret) {
        uint64_t mode, mtime, ctime;

        if (!read_number(p, &mode) || !read_number(p, &ret->size) || !read_number(p, &ret->inode) ||
                        !read_number(p, &mtime) || !read_number(p, &ctime))
                return false;
        ret->mode = (uint32_t) mode;
        ret->mtime_nsec = (int64_t) mtime;
        ret->ctime_nsec = (int64_t) ctime;
        return true;
}

static RecordEntry *add_entry(Record *record) {
        /* doubled: the number of entries is a power of two when there is no room */
        if ((record->n & (record->n - 1)) == 0) {
                RecordEntry *grown = reallocarray(
                                record->entries, record->n ? 2 * record->n : 1, sizeof(RecordEntry));

                if (!grown)
                        return NULL;
                record->entries = grown;
        }
        record->entries[record->n] = (RecordEntry) {};
        return &record->entries[record->n++];
}

static int parse(Record *record, size_t size) {
        char *p = record->text;
        const char *end = record->text + size, *magic = next_field(&p, end);

        record->origin = next_field(&p, end);
        if (!magic || !record->origin || strcmp(magic, MAGIC) != 0)
                return -EBADMSG;
        while (p < end) {
                char *field = next_field(&p, end);
                RecordEntry *e = field ? add_entry(record) : NULL;

                if (field && !e)
                        return -ENOMEM;
                if (!e || !read_state(&field, &e->original) || !read_state(&field, &e->copy) || !*field)
                        return -EBADMSG;
                e->path = field;
        }
        if (record->n > 0)
                qsort(record->entries, record->n, sizeof(RecordEntry), compare_entries);
        record->n_sorted = record->n;
        return 0;
}

int record_read(int directory, const char *name, Record *ret) {
        _cleanup_close_ int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        Record record = {};
        struct stat st;
        size_t size;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size > RECORD_MAX)
                return -EFBIG;
        r = whole_file_read_fd(fd, (size_t) st.st_size, &record.text, &size);
        if (r >= 0)
                r = parse(&record, size);
        if (r < 0) {
                record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

/* --- entries ---------------------------------------------------------------------------- */

RecordEntry *record_find(Record *record, const char *path) {
        const RecordEntry key = { .path = (char *) path };
        RecordEntry *found = NULL;

        if (record->n_sorted > 0)
                found = bsearch(&key, record->entries, record->n_sorted, sizeof(RecordEntry),
                                compare_entries);
        for (size_t i = record->n_sorted; !found && i < record->n; i++)
                if (strcmp(record->entries[i].path, path) == 0)
                        found = &record->entries[i];
        return found && !found->is_gone ? found : NULL;
}

/* Keeps the search short when many are added. */
static void sort_added(Record *record) {
        if (record->n - record->n_sorted < ADDED_MAX)
                return;
        qsort(record->entries, record->n, sizeof(RecordEntry), compare_entries);
        record->n_sorted = record->n;
}

int record_set(Record *record, const char *path, const FileState *original, const FileState *copy) {
        RecordEntry *e;

        sort_added(record);
        e = record_find(record, path);

        if (!e) {
                char *name = strdup(path);

                e = name ? add_entry(record) : NULL;
                if (!e) {
                        free(name);
                        return -ENOMEM;
                }
                e->path = name;
                e->is_owned = true;
        }
        e->original = *original;
        e->copy = *copy;
        return 0;
}

void record_done(Record *record) {
        for (size_t i = 0; i < record->n; i++)
                if (record->entries[i].is_owned)
                        free(record->entries[i].path);
        free(record->entries);
        free(record->text);
        *record = (Record) {};
}
