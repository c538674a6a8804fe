/* prune: what no project uses any more. It shows all of it before it removes anything, and what it cannot
 * judge it leaves alone: with a mistake in an ini, whose home and image it does not know, all homes and
 * images stay, and so does a copy, which may have what an agent has done. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/remove-tree.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "config.h"
#include "helper/claude-run/agent-home.h"
#include "helper/claude-run/confirm.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/local-time.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/request/files.h"

/* The home of an ad-hoc VM is no project's, and may have the user's only login: one that has been used
 * lately stays. */
#define UNUSED_DAYS 30
#define HASH_DIGITS 12U /* at the end of the name of a default home */

typedef enum Kind { HOME, IMAGE, DISK, SUSPENDED } Kind;

static const char *const kind_names[] = {
        [HOME] = "home",
        [IMAGE] = "image",
        [DISK] = "disk",
        [SUSPENDED] = "suspended VM",
};

typedef struct Item {
        Kind kind;
        char *path; /* of a disk and of a suspended VM: the project that it was of */
        uint64_t bytes;
        time_t used;
} Item;

typedef struct Prune {
        Context *context;
        char *data; /* DATA_HOME/claude-microvm */
        DiskFiles disks;
        char **homes, **images; /* that projects use: paths, names or directories */
        bool unsure;            /* a project has a mistake */
        Item *items;
        size_t n;
} Prune;

static void prune_done(Prune *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->items[i].path);
        free(p->items);
        free(p->data);
        strv_free(p->homes);
        strv_free(p->images);
        disk_files_done(&p->disks);
}

static void add(Prune *p, Kind kind, const char *path, uint64_t bytes, time_t used) {
        p->items = NEED(reallocarray(p->items, p->n + 1, sizeof(Item)));
        p->items[p->n++] = (Item) { kind, NEED(strdup(path)), bytes, used };
}

static bool is_listed(char *const *list, const char *word) {
        for (; list && *list; list++)
                if (strcmp(*list, word) == 0)
                        return true;
        return false;
}

/* What all projects say they use, and the image that defaults.ini names: an ad-hoc VM of it is a call away.
 */
static void ask_projects(Prune *p) {
        _cleanup_free_ char *usual = defaults_setting(p->context, "Guest");
        Context *c = p->context;

        p->unsure = !usual;
        memory_need(!usual || strv_append(&p->images, usual) >= 0);
        for (size_t i = 0; i < c->projects.n; i++) {
                _cleanup_free_ char *home = agent_home_of(c, &c->projects.items[i], false),
                                    *image = project_setting(c, &c->projects.items[i], "Guest", false);

                p->unsure |= !home || !image;
                memory_need(!home || strv_append(&p->homes, home) >= 0);
                memory_need(!image || strv_append(&p->images, image) >= 0);
        }
}

/* What a tree takes, and when something in it was last changed. */
static void measure(const char *path, uint64_t *ret_bytes, time_t *ret_used) {
        char *const paths[] = { (char *) path, NULL };
        FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
        const FTSENT *e;

        *ret_bytes = 0;
        *ret_used = 0;
        while (fts && (e = fts_read(fts))) {
                if (!e->fts_statp || e->fts_info == FTS_DP || e->fts_info == FTS_NS)
                        continue;
                *ret_bytes += 512 * (uint64_t) e->fts_statp->st_blocks;
                if (e->fts_statp->st_mtime > *ret_used)
                        *ret_used = e->fts_statp->st_mtime;
        }
        if (fts)
                fts_close(fts);
}

static bool is_home_name(const char *name) {
        const char *dash = strrchr(name, '-');

        return dash && dash > name && strlen(dash + 1) == HASH_DIGITS &&
                        strspn(dash + 1, "0123456789abcdef") == HASH_DIGITS;
}

static void look_at_home(Prune *p, const char *path) {
        uint64_t bytes;
        time_t used;

        if (is_listed(p->homes, path) || agent_home_is_in_use(p->context, path))
                return;
        measure(path, &bytes, &used);
        if (used < time(NULL) - UNUSED_DAYS * 24 * 60 * 60)
                add(p, HOME, path, bytes, used);
}

/* The default image stays as well, whatever defaults.ini says: a project without it is a call away. */
static void look_at_image(Prune *p, const char *path) {
        const char *name = strrchr(path, '/') + 1;
        uint64_t bytes;
        time_t used;

        if (strcmp(name, DEFAULT_GUEST) == 0 || is_listed(p->images, name) || is_listed(p->images, path))
                return;
        measure(path, &bytes, &used);
        add(p, IMAGE, path, bytes, used);
}

/* Directories of ours, and no links. */
static void look_in(Prune *p, const char *directory, bool (*is_ours)(const char *name),
                void (*look)(Prune *p, const char *path)) {
        _cleanup_closedir_ DIR *dir = opendir(directory);
        int fd = dir ? dirfd(dir) : -EBADF;

        if (fd < 0)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;
                struct stat st;

                if (!is_ours(entry->d_name) || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                                !S_ISDIR(st.st_mode))
                        continue;
                path = NEED(strjoin(directory, "/", entry->d_name, NULL));
                look(p, path);
        }
}

static bool is_image_name(const char *name) {
        return name[0] != '.';
}

/* A disk and its snapshots are one item. */
static void look_at_disks(Prune *p) {
        for (size_t i = 0; i < p->disks.n; i++) {
                const DiskFile *file = &p->disks.items[i];
                unsigned n;

                if ((i > 0 && strcmp(p->disks.items[i - 1].project, file->project) == 0) ||
                                project_entries_find(&p->context->projects, file->project))
                        continue;
                add(p, DISK, file->project, disk_files_allocated(&p->disks, file->project, &n),
                                (time_t) (file->changed_usec / 1000000));
        }
}

/* Without its ini it cannot be resumed. */
static void look_at_suspended(Prune *p) {
        _cleanup_strv_free_ char **names = suspended_list();
        StateInfo info;

        for (char *const *name = names; name && *name; name++)
                if (!which_vm_exists(p->context, *name) && suspended_look(*name, &info))
                        add(p, SUSPENDED, *name, info.bytes, (time_t) (info.since_usec / SEC));
}

static void find(Prune *p) {
        _cleanup_free_ char *images = NEED(strjoin(p->data, "/guests", NULL));

        ask_projects(p);
        look_at_disks(p);
        look_at_suspended(p);
        if (p->unsure) {
                say_line(stderr,
                                "A project, or defaults.ini, has a mistake, so homes and guest images stay; see: claude-run list");
                return;
        }
        look_in(p, p->data, is_home_name, look_at_home);
        look_in(p, images, is_image_name, look_at_image);
}

static int look_at_all(Context *c, Prune *p) {
        _cleanup_free_ char *data_home = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        int r = context_projects(c);

        if (r == 0)
                r = context_manager(c);
        if (r != 0)
                return r;
        p->data = NEED(strjoin(data_home, "/claude-microvm", NULL));
        r = disk_files_read(&p->disks);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to look at the disks: %s", strerror(-r));
        find(p);
        return 0;
}

static void print(const Prune *p) {
        for (size_t i = 0; i < p->n; i++) {
                const Item *item = &p->items[i];
                char size[DISK_SIZE_MAX], used[LOCAL_TIME_MAX];

                disk_print_size(item->bytes, size);
                local_time_print((uint64_t) item->used * SEC, LOCAL_DAY, used);
                say_line(stdout, "%-12s %6s  %s  %s", kind_names[item->kind], size, used, item->path);
        }
}

static void name_copies(Context *c) {
        _cleanup_strv_free_ char **names = copies_list();

        for (char *const *name = names; name && *name; name++)
                if (vm_name_is_id(*name) && !which_vm_exists(c, *name))
                        say_line(stderr,
                                        "The copy of '%s' stays, because it may have what an agent has done; to see it, or to remove it: claude-run diff %s, claude-run discard %s",
                                        *name, *name, *name);
}

static int remove_item(const Prune *p, const Item *item) {
        switch (item->kind) {
        case DISK:
                return disk_files_remove(&p->disks, item->path);
        case SUSPENDED:
                return suspended_remove(item->path);
        default:
                return remove_tree(item->path);
        }
}

static bool has(const Prune *p, const Item *item) {
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].kind == item->kind && strcmp(p->items[i].path, item->path) == 0)
                        return true;
        return false;
}

/* `still`: what no project uses by now. */
static int remove_all(const Prune *p, const Prune *still) {
        int result = 0;

        for (size_t i = 0; i < p->n; i++) {
                const Item *item = &p->items[i];
                int r;

                if (!has(still, item)) {
                        result = fail(EXIT_FAILURE, "the %s '%s' is in use by now, and stays",
                                        kind_names[item->kind], item->path);
                        continue;
                }
                r = remove_item(p, item);
                if (r < 0)
                        result = fail(EXIT_FAILURE, "Failed to remove the %s '%s': %s",
                                        kind_names[item->kind], item->path, strerror(-r));
        }
        return result;
}

/* True if all of it is to go. */
static bool ask(const Prune *p) {
        if (!p->context->options->yes && !confirm_is_possible()) {
                say_line(stderr, "Nothing is removed; to remove all of it: claude-run prune --yes");
                return false;
        }
        return confirm_ask(p->context, "No project uses these. Remove them?");
}

/* The answer may have taken any time, so all of it is looked at again. */
static int remove_unused(const Prune *p) {
        _cleanup_(prune_done) Prune still = { .context = p->context, .disks.directory = -EBADF };
        int r;

        if (p->context->options->yes)
                return remove_all(p, p);
        context_forget_projects(p->context);
        r = look_at_all(p->context, &still);
        return r == 0 ? remove_all(p, &still) : r;
}

int verb_prune(Context *c) {
        _cleanup_(prune_done) Prune p = { .context = c, .disks.directory = -EBADF };
        int r = 0;

        if (c->options->n_words > 0)
                return fail(EXIT_USAGE, "prune takes no name; of one project: claude-run rm %s",
                                c->options->words[0]);
        request_sweep(c->runtime_dir);
        r = look_at_all(c, &p);
        if (r != 0)
                return r;
        print(&p);
        name_copies(c);
        if (p.n == 0) {
                say_line(stderr, "There is nothing to remove.");
                return 0;
        }
        return ask(&p) ? remove_unused(&p) : 0;
}
