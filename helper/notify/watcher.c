/* inotify has no watch for a tree, so each directory has one. They come from descriptors that were opened
 * below the root without links: the watch follows the directory and not its name, so a guest that moves
 * names around cannot lead it out of the share.
 *
 * The watcher keeps what happens as a set of names, and tells them all at once: TELL_DELAY after the first.
 * A full set puts a directory in the place of its largest crowd of names, or the root in the place of all
 * names if there is no crowd. So a guest that writes a million files makes the watcher tell a few hundred
 * paths a second at the most. What somebody saves elsewhere meanwhile keeps its name. If the reader does not
 * keep up, the set waits for it. Nothing is set or read while nothing happens.
 *
 * What the guest writes itself is told as well, once. What it does because it was told (chown(2), lookups)
 * is no event of MASK, so there is no loop. */

#include "helper/notify/watcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/open-below.h"
#include "common/path.h"
#include "common/usec.h"
#include "common/whole-file.h"
#include "helper/notify/ignored.h"

#define MASK                                                                                                \
        (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK)
#define WATCHES_MAX 4096U  /* of the user's, whose editor wants some as well */
#define ENTRIES_MAX 20000U /* of one directory that are looked at for directories */
#define NAMES_MAX 128U
#define CROWD_MIN (NAMES_MAX / 8) /* names of one directory */
#define STEP_DIRECTORIES 32U      /* that one round of the loop looks into */
#define TELL_DELAY (SEC / 20)     /* a save is several events */
#define TELL_AGAIN (SEC / 4)      /* under load, and for a reader that does not keep up */
#define READS_MAX 20U             /* a second: the rest waits in the kernel, which drops what is too much */
#define IGNORE_FILE_MAX (64U * 1024U)

typedef struct Watch {
        int wd;
        char *path; /* owned; empty: the root */
} Watch;

/* What has changed. */
typedef struct Name {
        char *path;
        size_t directory_length;
        bool is_crowd; /* a directory, for whatever is directly in it */
} Name;

struct Watcher {
        int root, fd;
        sd_event_source *events, *lookup, *timer;
        watcher_tell tell;
        void *userdata;
        Ignored ignored;
        Watch *watches; /* sorted by number, which grows from watch to watch */
        size_t n_watches;
        bool is_incomplete;
        char **queue; /* directories to look into, of which `next` were */
        size_t n_queue, next;
        Name names[NAMES_MAX];
        size_t n_names;
        bool is_root; /* the set has become all */
};

/* --- the set of names ------------------------------------------------------------------- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(Watcher *w, uint64_t delay_usec) {
        if (sd_event_source_set_time_relative(w->timer, delay_usec) >= 0)
                (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static bool is_waiting(const Watcher *w) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(w->timer, &enabled);
        return enabled != SD_EVENT_OFF;
}

static void clear_names(Watcher *w) {
        while (w->n_names > 0)
                free(w->names[--w->n_names].path);
        w->is_root = false;
}

/* Of the directory that it is in, without the slash; 0: the root. */
static size_t directory_length(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? (size_t) (slash - path) : 0;
}

static bool is_beside(const Name *a, const Name *b) {
        return !a->is_crowd && !b->is_crowd && a->directory_length == b->directory_length &&
                        memcmp(a->path, b->path, a->directory_length) == 0;
}

/* True if a path whose directory has `n` bytes needs no telling beside the name. A crowd's own path is told,
 * too. */
static bool is_told_by(const Name *name, const char *path, size_t n) {
        if (strcmp(name->path, path) == 0)
                return true;
        if (!name->is_crowd)
                return false;
        return n == 0 ? strcmp(name->path, ".") == 0
                      : strncmp(name->path, path, n) == 0 && name->path[n] == '\0';
}

static bool has_name(const Watcher *w, const char *path) {
        size_t n = directory_length(path);

        for (size_t i = 0; i < w->n_names; i++)
                if (is_told_by(&w->names[i], path, n))
                        return true;
        return false;
}

static bool has_crowd(const Watcher *w) {
        for (size_t i = 0; i < w->n_names; i++)
                if (w->names[i].is_crowd)
                        return true;
        return false;
}

/* Finds the directory with the most names, which are at least CROWD_MIN. NULL: there is none. Owned. */
static char *find_crowd(const Watcher *w) {
        const Name *one = NULL;
        size_t most = CROWD_MIN - 1;

        for (const Name *a = w->names; a < w->names + w->n_names; a++) {
                size_t n = 0;

                for (const Name *b = w->names; b < w->names + w->n_names; b++)
                        n += is_beside(a, b);
                if (n > most) {
                        most = n;
                        one = a;
                }
        }
        if (!one)
                return NULL;
        return one->directory_length > 0 ? strndup(one->path, one->directory_length) : strdup(".");
}

/* Puts their directory in the place of the largest crowd of names. Returns false if there is no crowd. */
static bool gather(Watcher *w) {
        const Name crowd = { find_crowd(w), 0, true };
        size_t n = 0;

        if (!crowd.path)
                return false;
        for (size_t i = 0; i < w->n_names; i++)
                if (!w->names[i].is_crowd &&
                                is_told_by(&crowd, w->names[i].path, w->names[i].directory_length))
                        free(w->names[i].path);
                else
                        w->names[n++] = w->names[i];
        w->names[n++] = crowd;
        w->n_names = n;
        return true;
}

static void tell_root(Watcher *w) {
        clear_names(w);
        w->is_root = true;
}

static void add_name(Watcher *w, const char *path) {
        _cleanup_free_ char *copy = NULL;

        if (w->is_root || has_name(w, path))
                return;
        if (w->n_names == NAMES_MAX && !gather(w)) {
                tell_root(w);
                return;
        }
        copy = has_name(w, path) ? NULL : strdup(path);
        if (copy)
                w->names[w->n_names++] = (Name) { TAKE_PTR(copy), directory_length(path), false };
}

static void note(Watcher *w, const char *path) {
        /* a line for each, and none of them can be two */
        if (strlen(path) > WATCHER_PATH_MAX || strchr(path, '\n'))
                return;
        add_name(w, path);
        if (!is_waiting(w))
                set_timer(w, TELL_DELAY);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Watcher *w = userdata;
        bool much = w->is_root || has_crowd(w);

        if (w->is_root && !w->tell(w->userdata, ".")) {
                set_timer(w, TELL_AGAIN);
                return 0;
        }
        w->is_root = false;
        while (w->n_names > 0) {
                if (!w->tell(w->userdata, w->names[w->n_names - 1].path)) {
                        set_timer(w, TELL_AGAIN);
                        return 0;
                }
                free(w->names[--w->n_names].path);
        }
        /* it stays armed for a moment, in which names are collected */
        if (much)
                set_timer(w, TELL_AGAIN);
        return 0;
}

/* --- watches ---------------------------------------------------------------------------- */

static int compare_watches(const void *a, const void *b) {
        const Watch *x = a, *y = b;

        return (x->wd > y->wd) - (x->wd < y->wd);
}

static Watch *find_watch(Watcher *w, int wd) {
        const Watch key = { .wd = wd };

        return w->n_watches == 0 ? NULL
                                 : bsearch(&key, w->watches, w->n_watches, sizeof(Watch), compare_watches);
}

static void forget(Watcher *w, Watch *watch) {
        size_t i = (size_t) (watch - w->watches);

        free(watch->path);
        memmove(watch, watch + 1, (w->n_watches - i - 1) * sizeof(Watch));
        w->n_watches--;
}

/* A directory that was moved is watched by a name that it no longer has. */
static void forget_below(Watcher *w, const char *path) {
        size_t n = strlen(path);

        for (size_t i = w->n_watches; i-- > 0;) {
                const char *found = w->watches[i].path;

                if (strncmp(found, path, n) != 0 || (found[n] != '/' && found[n] != '\0'))
                        continue;
                (void) inotify_rm_watch(w->fd, w->watches[i].wd);
                forget(w, &w->watches[i]);
        }
}

static int add_watch(Watcher *w, int directory, const char *path) {
        char name[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        _cleanup_free_ char *copy = strdup(path);
        Watch *known;
        int wd;

        if (!copy)
                return -ENOMEM;
        snprintf(name, sizeof(name), "/proc/self/fd/%d", directory);
        wd = inotify_add_watch(w->fd, name, MASK);
        if (wd < 0)
                return -errno;
        known = find_watch(w, wd);
        if (known) {
                free(known->path);
                known->path = TAKE_PTR(copy);
                return 0;
        }
        w->watches[w->n_watches++] = (Watch) { wd, TAKE_PTR(copy) };
        /* numbers grow, until they have all been used */
        if (w->n_watches > 1 && w->watches[w->n_watches - 2].wd > wd)
                qsort(w->watches, w->n_watches, sizeof(Watch), compare_watches);
        return 0;
}

/* What lies deeper could not be told. */
static int push(Watcher *w, const char *path) {
        if (w->n_queue + w->n_watches >= 2 * (size_t) WATCHES_MAX || strlen(path) > WATCHER_PATH_MAX) {
                w->is_incomplete = true;
                return 0;
        }
        w->queue[w->n_queue] = strdup(path);
        if (!w->queue[w->n_queue])
                return -ENOMEM;
        w->n_queue++;
        return sd_event_source_set_enabled(w->lookup, SD_EVENT_ON);
}

static bool is_directory(int directory, const struct dirent *entry) {
        struct stat st;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        return fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int open_directory(const Watcher *w, const char *path) {
        return path[0] ? open_below(w->root, path, O_RDONLY | O_DIRECTORY)
                       : openat(w->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Watches first and reads then, so that what is made meanwhile is seen by one of the two. `fresh`: a
 * directory that has just appeared, of which nobody has heard what is in it. */
static int look_into(Watcher *w, const char *path) {
        int r, fd = open_directory(w, path);
        _cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        unsigned n = 0;

        if (!d) {
                if (fd >= 0)
                        close(fd);
                return 0; /* it is gone, or not for us */
        }
        if (w->n_watches >= WATCHES_MAX)
                r = -ENOSPC;
        else
                r = add_watch(w, fd, path);
        if (r < 0) {
                w->is_incomplete = true;
                return r == -ENOMEM ? r : 0;
        }
        while (r >= 0 && (entry = readdir(d)) && n++ < ENTRIES_MAX) {
                _cleanup_free_ char *child = NULL;

                if (path_is_dots(entry->d_name) || !is_directory(fd, entry))
                        continue;
                child = path_below(path, entry->d_name);
                r = !child ? -ENOMEM : ignored_has(&w->ignored, child) ? 0 : push(w, child);
        }
        return r;
}

/* Breadth first: what is near the top is watched if there is too much. */
static int on_lookup(sd_event_source *source, void *userdata) {
        Watcher *w = userdata;
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < STEP_DIRECTORIES && w->next < w->n_queue; i++) {
                _cleanup_free_ char *path = TAKE_PTR(w->queue[w->next]);

                w->next++;
                r = look_into(w, path);
        }
        if (w->next < w->n_queue && r >= 0)
                return 0;
        w->n_queue = w->next = 0;
        return sd_event_source_set_enabled(w->lookup, SD_EVENT_OFF);
}

/* --- events ----------------------------------------------------------------------------- */

static int handle_directory(Watcher *w, uint32_t mask, const char *path) {
        if (mask & IN_MOVED_FROM)
                forget_below(w, path);
        return mask & (IN_CREATE | IN_MOVED_TO) ? push(w, path) : 0;
}

static int handle(Watcher *w, const struct inotify_event *e) {
        Watch *watch = find_watch(w, e->wd);
        _cleanup_free_ char *path = NULL;
        int r;

        if (e->mask & IN_Q_OVERFLOW) {
                /* new directories may have been lost, so all of them are looked up again */
                tell_root(w);
                note(w, ".");
                return w->n_queue == 0 ? push(w, "") : 0;
        }
        if (!watch)
                return 0;
        if (e->mask & IN_IGNORED) {
                forget(w, watch);
                return 0;
        }
        if (e->len == 0)
                return 0;
        path = path_below(watch->path, e->name);
        if (!path)
                return -ENOMEM;
        if (ignored_has(&w->ignored, path))
                return 0;
        r = e->mask & IN_ISDIR ? handle_directory(w, e->mask, path) : 0;
        note(w, path);
        return r;
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        _Alignas(struct inotify_event) char buffer[16384];
        Watcher *w = userdata;
        ssize_t n = read(fd, buffer, sizeof(buffer));
        int r = 0;

        for (const char *p = buffer; r >= 0 && p < buffer + n;) {
                const struct inotify_event *e = (const void *) p;

                r = handle(w, e);
                p += sizeof(*e) + e->len;
        }
        /* without memory it goes on with less */
        return 0;
}

/* --- the whole -------------------------------------------------------------------------- */

static int begin(Watcher *w, sd_event *event) {
        _cleanup_free_ char *text = NULL;
        int r;

        w->watches = calloc(WATCHES_MAX, sizeof(Watch));
        w->queue = calloc(2 * (size_t) WATCHES_MAX, sizeof(char *));
        if (!w->watches || !w->queue)
                return -ENOMEM;
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0)
                return -errno;
        if (whole_file_read_at(w->root, ".gitignore", IGNORE_FILE_MAX, &text) >= 0)
                ignored_read(&w->ignored, text);
        r = sd_event_add_io(event, &w->events, w->fd, EPOLLIN, on_events, w);
        /* the guest's end and the user's signals come first */
        if (r >= 0)
                r = sd_event_source_set_priority(w->events, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(w->events, SEC, READS_MAX);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &w->timer, CLOCK_MONOTONIC, 0, 0, on_timer, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(event, &w->lookup, on_lookup, w);
        if (r >= 0)
                r = sd_event_source_set_priority(w->lookup, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : push(w, "");
}

int watcher_new(sd_event *event, int root, watcher_tell tell, void *userdata, Watcher **ret) {
        Watcher *w = calloc(1, sizeof(Watcher));
        int r;

        if (!w) {
                close(root);
                return -ENOMEM;
        }
        w->root = root;
        w->fd = -EBADF;
        w->tell = tell;
        w->userdata = userdata;
        r = begin(w, event);
        if (r < 0)
                watcher_free(w);
        else
                *ret = w;
        return r < 0 ? r : 0;
}

size_t watcher_count(const Watcher *w, bool *ret_incomplete) {
        *ret_incomplete = w->is_incomplete;
        return w->n_watches;
}

Watcher *watcher_free(Watcher *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->events);
        sd_event_source_disable_unref(w->lookup);
        sd_event_source_disable_unref(w->timer);
        clear_names(w);
        for (size_t i = 0; i < w->n_watches; i++)
                free(w->watches[i].path);
        for (size_t i = w->next; i < w->n_queue; i++)
                free(w->queue[i]);
        free(w->watches);
        free(w->queue);
        ignored_done(&w->ignored);
        if (w->fd >= 0)
                close(w->fd);
        close(w->root);
        free(w);
        return NULL;
}
