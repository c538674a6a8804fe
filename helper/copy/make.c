/* Made in a directory beside its place and renamed when it is whole. What an earlier call has left half-made
 * goes first: systemd runs one instance of the unit at a time, so nobody works on it.
 *
 * Set-user-ID bits, sockets, devices and the attributes of files are not copied, hard links become files of
 * their own. Times and modes are as in the original, so that no build begins from nothing. */

#include "helper/copy/make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/open-below.h"
#include "common/path-walk.h"
#include "common/remove-tree.h"
#include "common/strjoin.h"
#include "common/usec.h"
#include "common/why.h"
#include "helper/copy/below.h"
#include "helper/copy/data.h"
#include "helper/copy/record.h"
#include "helper/copy/tree.h"

#define MIB (UINT64_C(1) << 20)
#define USAGE_ENTRIES_MAX 2000000U

typedef struct Maker {
        const CopyRequest *request;
        CopyResult result, total;
        uint64_t told_usec;
        int to; /* the new work directory */
        FILE *record;
        char *failed; /* the path at which it failed, owned */
} Maker;

char *copy_path(const char *data_home, const char *id) {
        return strjoin(data_home, "/claude-microvm/copies", id ? "/" : NULL, id, NULL);
}

/* --- how much it is --------------------------------------------------------------------- */

static bool is_copied(mode_t mode) {
        return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode);
}

static int count(void *userdata, const TreeEntry *e) {
        CopyResult *total = userdata;

        total->files++;
        if (S_ISREG(e->st.st_mode))
                total->bytes += (uint64_t) e->st.st_size;
        return 0;
}

static void tell(Maker *m) {
        uint64_t now = usec_now(CLOCK_MONOTONIC);

        if (!m->request->progress || now - m->told_usec < SEC)
                return;
        m->told_usec = now;
        m->request->progress(m->result.bytes, m->total.bytes);
}

/* --- entries ---------------------------------------------------------------------------- */

static int charge(Maker *m, uint64_t bytes) {
        m->result.copied_bytes += bytes;
        return m->result.copied_bytes > m->request->max_mib * MIB ? -EFBIG : 0;
}

static int copy_content(Maker *m, int from, int to, off_t size) {
        int r;

        if (size == 0 || data_reflink(from, to))
                return 0;
        r = charge(m, (uint64_t) size);
        return r < 0 ? r : data_copy(from, to, size);
}

/* The mode comes last: a file that may not be written is. */
static int finish(int fd, const struct stat *st) {
        const struct timespec times[] = { st->st_atim, st->st_mtim };

        if (fchmod(fd, st->st_mode & 0777) < 0 || futimens(fd, times) < 0)
                return -errno;
        return 0;
}

/* 1: left out, because this user may not read it. */
static int copy_file(Maker *m, const TreeEntry *e, int parent, struct stat *ret_copy) {
        _cleanup_close_ int from = openat(e->directory, e->name,
                                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
                            to = -EBADF;
        struct stat st;
        int r;

        if (from < 0)
                return errno == EACCES || errno == EPERM || errno == ENOENT ? 1 : -errno;
        if (fstat(from, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return 1;
        to = openat(parent, e->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        r = copy_content(m, from, to, st.st_size);
        if (r >= 0)
                r = finish(to, &st);
        return r < 0 ? r : fstat(to, ret_copy) < 0 ? -errno : 0;
}

static int copy_link(const TreeEntry *e, int parent, struct stat *ret_copy) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(e->directory, e->name, target, sizeof(target));

        if (n < 0 || n >= (ssize_t) sizeof(target))
                return 1;
        target[n] = '\0';
        if (symlinkat(target, parent, e->name) < 0 ||
                        fstatat(parent, e->name, ret_copy, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int copy_directory(const TreeEntry *e, int parent, struct stat *ret_copy) {
        if (mkdirat(parent, e->name, 0700) < 0 ||
                        fstatat(parent, e->name, ret_copy, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        return 0;
}

static int copy_entry(Maker *m, const TreeEntry *e, struct stat *ret_copy) {
        const char *name;
        _cleanup_close_ int parent = below_parent(m->to, e->path, &name);

        if (parent < 0)
                return parent;
        return S_ISREG(e->st.st_mode)            ? copy_file(m, e, parent, ret_copy)
                        : S_ISLNK(e->st.st_mode) ? copy_link(e, parent, ret_copy)
                                                 : copy_directory(e, parent, ret_copy);
}

static int copy_visit(void *userdata, const TreeEntry *e) {
        Maker *m = userdata;
        FileState original = file_state(&e->st), copy;
        struct stat st = {};
        int r = is_copied(e->st.st_mode) ? copy_entry(m, e, &st) : 1;

        if (r < 0) {
                free(m->failed);
                m->failed = strdup(e->path);
                return r;
        }
        if (r > 0) {
                m->result.n_left_out++;
                return 0;
        }
        m->result.files++;
        if (S_ISREG(e->st.st_mode))
                m->result.bytes += (uint64_t) e->st.st_size;
        tell(m);
        copy = file_state(&st);
        return record_print(m->record, e->path, &original, &copy);
}

/* Not earlier: what is made in a directory sets its time. */
static int copy_leave(void *userdata, const TreeEntry *e) {
        const Maker *m = userdata;
        _cleanup_close_ int fd = open_below(m->to, e->path, O_RDONLY | O_DIRECTORY);

        return fd < 0 ? fd : finish(fd, &e->st);
}

/* --- the whole -------------------------------------------------------------------------- */

static int refuse_size(const Maker *m, char **ret_why) {
        return why_say(ret_why, -EINVAL,
                        "'%s' has %" PRIu64 " MiB, and Workspace=copy copies %" PRIu64
                        " MiB at most here: set CopyMax=%" PRIu64 "G in [Project] to allow it",
                        m->request->origin, m->total.bytes / MIB + 1, m->request->max_mib,
                        m->total.bytes / MIB / 1024 + 1);
}

/* Tries it on the first file that has content: a file system either can or cannot. */
static int try_reflink(void *userdata, const TreeEntry *e) {
        const Maker *m = userdata;
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        int r;

        if (!S_ISREG(e->st.st_mode) || e->st.st_size == 0)
                return 0;
        from = openat(e->directory, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (from < 0)
                return 0;
        to = openat(m->to, "..", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
        r = to >= 0 && data_reflink(from, to) ? -EEXIST : -ENOTSUP;
        return r;
}

/* Refuses before anything is written what would be too much, for the limit or for the disk. */
static int check_size(Maker *m, int from, char **ret_why) {
        Tree counter = { .root = from, .visit = count, .userdata = &m->total };
        Tree trial = { .root = from, .visit = try_reflink, .userdata = m };
        struct statvfs fs;
        int r = tree_walk(&counter);

        if (r < 0 || tree_walk(&trial) == -EEXIST)
                return r;
        if (m->total.bytes > m->request->max_mib * MIB)
                return refuse_size(m, ret_why);
        if (fstatvfs(m->to, &fs) == 0 && m->total.bytes > (uint64_t) fs.f_bavail * fs.f_frsize)
                return why_say(ret_why, -EINVAL,
                                "'%s' has %" PRIu64 " MiB, and the disk of its copy has %" PRIu64
                                " MiB left: make room, or set Workspace=direct",
                                m->request->origin, m->total.bytes / MIB + 1,
                                (uint64_t) fs.f_bavail * fs.f_frsize / MIB);
        return 0;
}

static int refuse_failure(const Maker *m, int error, char **ret_why) {
        if (error == -EFBIG)
                return refuse_size(m, ret_why);
        return why_say(ret_why, -EINVAL, "Failed to copy '%s' of '%s': %s", m->failed ?: "",
                        m->request->origin, strerror(-error));
}

static int fill(Maker *m, int from, char **ret_why) {
        Tree copier = { .root = from, .visit = copy_visit, .leave = copy_leave, .userdata = m };
        int r = check_size(m, from, ret_why);

        if (r < 0)
                return r;
        r = record_begin(m->record, m->request->origin);
        if (r >= 0)
                r = tree_walk(&copier);
        if (r >= 0 && fflush(m->record) != 0)
                r = -errno;
        /* a power cut would leave files without content in a copy that counts */
        if (r >= 0 && syncfs(m->to) < 0)
                r = -errno;
        m->result.n_left_out += copier.is_incomplete;
        return r < 0 ? refuse_failure(m, r, ret_why) : 0;
}

static int open_origin(const char *origin, char **ret_why) {
        int r = path_open_directory(origin);

        if (r == -ELOOP)
                return why_say(ret_why, -EINVAL,
                                "Refusing to copy '%s': a part of the path is a symbolic link now: put the directory back, or write the real path in the ini",
                                origin);
        return r < 0 ? why_say(ret_why, -EINVAL, "Failed to copy '%s': %s", origin, strerror(-r)) : r;
}

/* `new`: the path of a directory that is empty. */
static int make_in(const CopyRequest *request, const char *new, CopyResult *ret, char **ret_why) {
        _cleanup_free_ char *work = strjoin(new, "/" COPY_WORK, NULL),
                            *record = strjoin(new, "/" COPY_RECORD, NULL);
        _cleanup_close_ int from = open_origin(request->origin, ret_why), to = -EBADF;
        FILE *f;
        int r;

        if (from < 0 || !work || !record)
                return from < 0 ? from : -ENOMEM;
        if (mkdir(work, 0700) < 0)
                return -errno;
        to = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (to < 0)
                return -errno;
        f = fopen(record, "wxe");
        if (!f)
                return -errno;

        Maker m = { .request = request, .to = to, .record = f };
        struct stat st;

        r = fill(&m, from, ret_why);
        free(m.failed);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        if (r >= 0 && fstat(from, &st) == 0)
                r = fchmod(to, (st.st_mode & 0777) | 0700) < 0 ? -errno : 0;
        if (r < 0)
                return r;
        *ret = m.result;
        return 0;
}

/* Sets `ret_why` unless the copy is one of this work directory. */
static int check_copy(const CopyRequest *request, const char *path, char **ret_why) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        Record record = {};
        int r;

        if (fd < 0)
                return -errno;
        r = record_read(fd, COPY_RECORD, &record);
        if (r < 0)
                return why_say(ret_why, -EINVAL,
                                "The record of the copy '%s' cannot be read: %s; to begin with a fresh copy: claude-run discard %s",
                                path, strerror(-r), request->id);
        if (strcmp(record.origin, request->origin) != 0)
                r = why_say(ret_why, -EINVAL,
                                "The copy of '%s' is one of '%s', and the work directory is '%s' now: claude-run discard %s removes it",
                                request->id, record.origin, request->origin, request->id);
        record_done(&record);
        return r;
}

int copy_make(const CopyRequest *request, CopyResult *ret, char **ret_why) {
        _cleanup_free_ char *all = copy_path(request->data_home, NULL),
                            *path = copy_path(request->data_home, request->id),
                            *new = all ? strjoin(all, "/.new.", request->id, NULL) : NULL;
        int r;

        if (!all || !path || !new)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return check_copy(request, path, ret_why);
        r = directory_make(all);
        if (r >= 0)
                r = remove_tree(new);
        if (r >= 0 || r == -ENOENT)
                r = mkdir(new, 0700) < 0 ? -errno : make_in(request, new, ret, ret_why);
        if (r >= 0 && renameat2(AT_FDCWD, new, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
                r = -errno;
        if (r < 0)
                (void) remove_tree(new);
        return r < 0 ? r : 1;
}

/* --- size ------------------------------------------------------------------------------- */

typedef struct Usage {
        uint64_t bytes, entries;
} Usage;

static int add_usage(void *userdata, const TreeEntry *e) {
        Usage *u = userdata;

        u->bytes += (uint64_t) e->st.st_blocks * 512;
        return ++u->entries > USAGE_ENTRIES_MAX ? -E2BIG : 0;
}

uint64_t copy_disk_usage(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        Usage usage = {};
        Tree tree = { .root = fd, .visit = add_usage, .userdata = &usage };

        return fd < 0 || tree_walk(&tree) < 0 ? UINT64_MAX : usage.bytes;
}
