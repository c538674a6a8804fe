/* disk: what is kept of a project's disk beside its VM. All but `show` need the VM to be down: they take the
 * lock that its helper has. Nothing here looks into a disk, whose every byte is the guest's. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/vm-name.h"
#include "helper/claude-run/confirm.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/local-time.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/progress-line.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/host/disk.h"
#include "helper/json.h"

typedef struct Disk {
        Context *context;
        const char *project;
        DiskFiles files;
} Disk;

static int no_disk(const Disk *d) {
        return fail(EXIT_CONFIGURATION, "'%s' has no disk: its VM makes one when it starts, unless Disk=no",
                        d->project);
}

static int lock_failed(const Disk *d, int error) {
        _cleanup_free_ char *why = NULL;

        if (error == -EBUSY)
                return fail(EXIT_FAILURE,
                                "the disk of '%s' is in use; stop its VM first: claude-run stop %s",
                                d->project, d->project);
        (void) disk_explain(d->project, error, &why);
        return fail(EXIT_FAILURE, "%s", why ?: strerror(-error));
}

/* 0 and a descriptor, or an exit status. */
static int lock(const Disk *d, const char *tag, int *ret) {
        const DiskFile *file = disk_files_find(&d->files, d->project, tag);
        int fd;

        if (!file)
                return tag[0] ? fail(EXIT_CONFIGURATION,
                                                "'%s' has no snapshot '%s'; see: claude-run disk %s",
                                                d->project, tag, d->project)
                              : no_disk(d);
        fd = disk_lock(d->files.directory, file->file, false);
        if (fd < 0)
                return lock_failed(d, fd);
        *ret = fd;
        return 0;
}

static int confirm(const Disk *d, const char *question) {
        int r = confirm_check(d->context, "disk asks before it removes something");

        if (r != 0 || confirm_ask(d->context, question))
                return r;
        return fail(EXIT_FAILURE, "the disk of '%s' stays as it is", d->project);
}

/* --- show ------------------------------------------------------------------------------ */

static int add_snapshots(const Disk *d, sd_json_variant **ret) {
        int r = sd_json_variant_new_array(ret, NULL, 0);

        for (size_t i = 0; r >= 0 && i < d->files.n; i++) {
                const DiskFile *file = &d->files.items[i];
                _cleanup_json_ sd_json_variant *object = NULL;

                if (strcmp(file->project, d->project) != 0 || !file->tag[0])
                        continue;
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("tag", file->tag),
                                SD_JSON_BUILD_PAIR_UNSIGNED("bytes", file->allocated),
                                SD_JSON_BUILD_PAIR_UNSIGNED("madeUSec", file->changed_usec));
                if (r >= 0)
                        r = sd_json_variant_append_array(ret, object);
        }
        return r;
}

static int print_json(const Disk *d, const DiskFile *disk) {
        _cleanup_json_ sd_json_variant *snapshots = NULL, *object = NULL;
        int r = add_snapshots(d, &snapshots);

        if (r >= 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", d->project),
                                SD_JSON_BUILD_PAIR_CONDITION(!!disk, "bytes",
                                                SD_JSON_BUILD_UNSIGNED(disk ? disk->allocated : 0)),
                                SD_JSON_BUILD_PAIR_CONDITION(!disk, "bytes", SD_JSON_BUILD_NULL),
                                SD_JSON_BUILD_PAIR_CONDITION(!!disk, "maxBytes",
                                                SD_JSON_BUILD_UNSIGNED(disk ? disk->size : 0)),
                                SD_JSON_BUILD_PAIR_CONDITION(!disk, "maxBytes", SD_JSON_BUILD_NULL),
                                SD_JSON_BUILD_PAIR("snapshots", SD_JSON_BUILD_VARIANT(snapshots)));
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to print: %s", strerror(-r)) : 0;
}

static void print_snapshot(const DiskFile *file) {
        char size[DISK_SIZE_MAX], made[LOCAL_TIME_MAX];

        disk_print_size(file->allocated, size);
        local_time_print(file->changed_usec, LOCAL_MINUTE, made);
        say_line(stdout, "snapshot %-20s %6s  %s", file->tag, size, made);
}

static int show(Disk *d, const char *tag) {
        const DiskFile *disk = disk_files_find(&d->files, d->project, "");
        char allocated[DISK_SIZE_MAX], size[DISK_SIZE_MAX];

        if (d->context->options->json)
                return print_json(d, disk);
        if (disk) {
                disk_print_size(disk->allocated, allocated);
                disk_print_size(disk->size, size);
                say_line(stdout, "disk     %-20s %6s  of at most %s", d->project, allocated, size);
        }
        for (size_t i = 0; i < d->files.n; i++)
                if (strcmp(d->files.items[i].project, d->project) == 0 && d->files.items[i].tag[0])
                        print_snapshot(&d->files.items[i]);
        return disk ? 0 : no_disk(d);
}

/* --- copies ---------------------------------------------------------------------------- */

typedef struct CopyProgress {
        const Disk *disk;
        ProgressLine line;
} CopyProgress;

static int show_progress(void *userdata, uint64_t copied, uint64_t total) {
        CopyProgress *p = userdata;

        progress_line_draw(&p->line, p->disk->project, "copies the disk", copied, total);
        return context_interrupted;
}

/* A file without a name, so that nothing is left of a copy that is interrupted. */
static int copy(const Disk *d, int from, int *ret) {
        _cleanup_close_ int fd = openat(d->files.directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        CopyProgress progress = { .disk = d };
        int r = fd < 0 ? -errno : disk_copy(from, fd, show_progress, &progress);

        progress_line_end(&progress.line);
        if (r > 0)
                return fail(EXIT_FAILURE, "interrupted; nothing has changed");
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to copy the disk of '%s': %s", d->project, strerror(-r));
        *ret = TAKE_FD(fd);
        return 0;
}

static int name_file(const Disk *d, int fd, const char *name) {
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return linkat(AT_FDCWD, path, d->files.directory, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int snapshot(Disk *d, const char *tag) {
        _cleanup_close_ int disk = -EBADF, fd = -EBADF;
        char name[DISK_NAME_MAX];
        int r;

        if (disk_name_make(d->project, tag, name) < 0)
                return fail(EXIT_USAGE, "'%s' is not a valid name of a snapshot, which is " VM_NAME_RULE,
                                tag);
        if (disk_files_find(&d->files, d->project, tag))
                return fail(EXIT_FAILURE,
                                "'%s' already has a snapshot '%s'; to remove it: claude-run disk %s delete %s",
                                d->project, tag, d->project, tag);
        r = lock(d, "", &disk);
        if (r == 0)
                r = copy(d, disk, &fd);
        if (r != 0)
                return r;
        r = name_file(d, fd, name);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to make '%s': %s", name, strerror(-r)) : 0;
}

/* The disk stays as it is until the copy is whole. A name with a dot in front is no disk's. */
static int replace_disk(const Disk *d, int fd, const char *name) {
        char aside[DISK_NAME_MAX + 1];
        int r;

        snprintf(aside, sizeof(aside), ".%s", name);
        (void) unlinkat(d->files.directory, aside, 0);
        r = name_file(d, fd, aside);
        if (r >= 0 && renameat(d->files.directory, aside, d->files.directory, name) < 0)
                r = -errno;
        return r < 0 ? fail(EXIT_FAILURE, "Failed to replace '%s': %s", name, strerror(-r)) : 0;
}

static int restore(Disk *d, const char *tag) {
        _cleanup_close_ int disk = -EBADF, saved = -EBADF, fd = -EBADF;
        char name[DISK_NAME_MAX];
        int r = lock(d, "", &disk);

        if (r == 0)
                r = lock(d, tag, &saved);
        if (r == 0)
                r = confirm(d, "What is on the disk now is lost. Restore?");
        if (r == 0)
                r = copy(d, saved, &fd);
        if (r != 0)
                return r;
        return disk_name_make(d->project, NULL, name) < 0 ? no_disk(d) : replace_disk(d, fd, name);
}

/* --- reset and delete ------------------------------------------------------------------ */

/* An empty file: the guest formats it at the next start, which makes it as large as Disk= says. */
static int reset(Disk *d, const char *tag) {
        _cleanup_close_ int fd = -EBADF;
        int r = lock(d, "", &fd);

        if (r == 0)
                r = confirm(d, "What is installed in the VM, its containers and caches are lost. Reset?");
        if (r != 0)
                return r;
        return ftruncate(fd, 0) < 0 ? fail(EXIT_FAILURE, "Failed to reset the disk of '%s': %s", d->project,
                                                      strerror(errno))
                                    : 0;
}

static int delete_snapshot(Disk *d, const char *tag) {
        _cleanup_close_ int fd = -EBADF;
        const DiskFile *file = disk_files_find(&d->files, d->project, tag);
        int r = lock(d, tag, &fd);

        if (r == 0)
                r = confirm(d, "Delete the snapshot?");
        if (r != 0)
                return r;
        return unlinkat(d->files.directory, file->file, 0) < 0
                        ? fail(EXIT_FAILURE, "Failed to remove '%s': %s", file->file, strerror(errno))
                        : 0;
}

static int delete(Disk *d, const char *tag) {
        unsigned n;
        int r;

        if (tag)
                return delete_snapshot(d, tag);
        (void) disk_files_allocated(&d->files, d->project, &n);
        r = n > 0 ? confirm(d, "Delete the disk and its snapshots?") : no_disk(d);
        if (r != 0)
                return r;
        r = disk_files_remove(&d->files, d->project);
        return r < 0 ? lock_failed(d, r) : 0;
}

static const struct {
        const char *word;
        unsigned least, most; /* tags */
        int (*run)(Disk *d, const char *tag);
} actions[] = {
        { "show", 0, 0, show },
        { "reset", 0, 0, reset },
        { "snapshot", 1, 1, snapshot },
        { "restore", 1, 1, restore },
        { "delete", 0, 1, delete },
};

/* The number of an action, or that of all. */
static size_t find_action(const char *word) {
        size_t i = 0;

        while (i < ELEMENTSOF(actions) && strcmp(actions[i].word, word) != 0)
                i++;
        return i;
}

static int run_action(Context *c, const char *project, size_t action, const char *tag) {
        Disk d = { .context = c, .project = project };
        int r = disk_files_read(&d.files);

        r = r < 0 ? fail(EXIT_FAILURE, "Failed to look at the disks: %s", strerror(-r))
                  : actions[action].run(&d, tag);
        disk_files_done(&d.files);
        return r;
}

/* [NAME] [ACTION [TAG]] */
int verb_disk(Context *c) {
        _cleanup_free_ char *id = NULL;
        const RunOptions *o = c->options;
        unsigned first = o->n_words > 0 && find_action(o->words[0]) == ELEMENTSOF(actions);
        size_t action = o->n_words > first ? find_action(o->words[first]) : 0;
        unsigned n_tags = o->n_words > first ? o->n_words - first - 1 : 0;
        int r;

        if (action == ELEMENTSOF(actions) || n_tags < actions[action].least || n_tags > actions[action].most)
                return fail(EXIT_USAGE,
                                "claude-run disk [NAME] [show|reset|snapshot TAG|restore TAG|delete [TAG]]");
        r = first ? which_vm_resolve(c, o->words[0], &id) : which_vm_here(c, &id);
        if (r != 0)
                return r;
        if (!id)
                return fail(EXIT_CONFIGURATION, "no project has this directory; name one: claude-run list");
        if (!vm_name_is_project(id))
                return fail(EXIT_CONFIGURATION, "'%s' is an ad-hoc VM, which has no disk", id);
        return run_action(c, id, action, n_tags > 0 ? o->words[first + 1] : NULL);
}
