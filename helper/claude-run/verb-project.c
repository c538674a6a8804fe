/* rename and rm: what belongs to a project beside its VM. The work directory is the user's, and is never
 * touched; nor is a home that the ini names, which may be another project's too. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/remove-tree.h"
#include "common/vm-name.h"
#include "helper/claude-run/agent-home.h"
#include "helper/claude-run/confirm.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/project-ini.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

static int check_down(Context *c, const char *name) {
        bool is_down;
        int r = context_vm_is_down(c, name, &is_down);

        if (r != 0 || is_down)
                return r;
        return fail(EXIT_FAILURE, "VM '%s' runs; to stop it: claude-run stop %s", name, name);
}

/* The project's entry and its own file. Refuses one that runs, and the administrator's. */
static int find_project(Context *c, const char *word, const ProjectEntry **ret, char **ret_own) {
        _cleanup_free_ char *effective = NULL;
        int r = context_projects(c);

        if (r != 0)
                return r;
        *ret = project_entries_find(&c->projects, word);
        if (!*ret)
                return fail(EXIT_CONFIGURATION, "no project is called '%s'; see: claude-run list", word);
        r = check_down(c, (*ret)->name);
        if (r == 0)
                r = project_ini_find(c, (*ret)->name, ret_own, &effective);
        if (r == 0 && (!effective || strcmp(effective, *ret_own) != 0))
                return fail(EXIT_CONFIGURATION,
                                "'%s' is the administrator's; to hide the project from yourself: ln -s /dev/null %s",
                                (*ret)->ini, *ret_own);
        return r;
}

/* --- rename ---------------------------------------------------------------------------- */

/* The copy of the work directory has the VM's name. It goes first: without its ini a name has no copy. */
static int rename_copy(const char *old, const char *new) {
        _cleanup_free_ char *copy = copies_find(old);
        int r;

        /* what is in its memory has the copy's present name */
        if (copy && suspended_exists(old))
                return fail(EXIT_FAILURE,
                                "VM '%s' is suspended, with files of its copy open; first: claude-run resume %s, or: claude-run forget %s",
                                old, old, old);
        r = copies_rename(old, new);

        if (r == -EEXIST)
                return fail(EXIT_CONFIGURATION,
                                "there is a copy of a directory by the name '%s' already; to remove it: claude-run discard %s",
                                new, new);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to rename the copy of '%s': %s", old, strerror(-r)) : 0;
}

/* The disk and its snapshots go with the name. */
static int rename_disks(const char *name, const char *new) {
        _cleanup_(disk_files_done) DiskFiles files = { .directory = -EBADF };
        unsigned n = 0;
        int r = disk_files_read(&files);

        (void) disk_files_allocated(&files, new, &n);
        if (n > 0)
                return fail(EXIT_CONFIGURATION,
                                "there is still a disk of an earlier '%s'; to remove it: claude-run disk %s delete",
                                new, new);
        if (r >= 0)
                r = disk_files_rename(&files, name, new);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to rename the disk of '%s': %s", name, strerror(-r)) : 0;
}

int verb_rename(Context *c) {
        _cleanup_free_ char *own = NULL, *new_own = NULL, *new_effective = NULL;
        const ProjectEntry *p = NULL;
        const char *new;
        int r;

        if (c->options->n_words != 2)
                return fail(EXIT_USAGE, "two names are needed; usage: claude-run rename OLD NEW");
        new = c->options->words[1];
        if (!vm_name_is_project(new))
                return fail(EXIT_USAGE, "'%s' is not a valid project name, which is " VM_NAME_RULE, new);
        r = find_project(c, c->options->words[0], &p, &own);
        if (r == 0)
                r = project_ini_find(c, new, &new_own, &new_effective);
        if (r != 0)
                return r;
        if (new_effective)
                return fail(EXIT_CONFIGURATION, "project '%s' already exists: %s", new, new_effective);
        r = rename_copy(p->name, new);
        if (r != 0)
                return r;
        r = rename_disks(p->name, new);
        if (r != 0) {
                (void) rename_copy(new, p->name);
                return r;
        }
        r = suspended_rename(p->name, new);
        if (r < 0 && r != -ENOENT) {
                (void) rename_disks(new, p->name);
                (void) rename_copy(new, p->name);
                return fail(EXIT_FAILURE, "Failed to rename the suspended VM '%s': %s", p->name,
                                strerror(-r));
        }
        if (renameat2(AT_FDCWD, own, AT_FDCWD, new_own, RENAME_NOREPLACE) < 0) {
                r = -errno;
                (void) rename_disks(new, p->name);
                (void) rename_copy(new, p->name);
                (void) suspended_rename(new, p->name);
                return fail(EXIT_FAILURE, "Failed to rename '%s' to '%s': %s", own, new_own, strerror(-r));
        }
        return context_reload(c);
}

/* --- rm -------------------------------------------------------------------------------- */

/* The home goes with the last project of its work directory. */
static char *find_home(Context *c, const ProjectEntry *p) {
        _cleanup_free_ char *home = agent_home_of(c, p, true);

        if (!home || access(home, F_OK) < 0 || agent_home_is_in_use(c, home))
                return NULL;
        for (size_t i = 0; i < c->projects.n; i++) {
                const ProjectEntry *other = &c->projects.items[i];

                if (other != p &&
                                (!other->work_directory ||
                                                strcmp(other->work_directory, p->work_directory) == 0))
                        return NULL;
        }
        return TAKE_PTR(home);
}

static bool ask(const Context *c, const ProjectEntry *p, const char *own, const char *home,
                const DiskFiles *disks, const char *copy) {
        char suspended[SUSPENDED_TEXT_MAX];
        char size[DISK_SIZE_MAX];
        unsigned n;

        if (c->options->yes)
                return true;
        disk_print_size(disk_files_allocated(disks, p->name, &n), size);
        say_line(stderr, "Remove project '%s':", p->name);
        say_line(stderr, "  %s", own);
        if (suspended_print(p->name, suspended))
                say_line(stderr, "  its VM, %s, with what runs in it", suspended);
        if (home)
                say_line(stderr, "  %s, the agent's home with its login and sessions", home);
        if (copy)
                say_line(stderr, "  %s, the copy that the agent worked on; see: claude-run diff %s", copy,
                                p->name);
        if (n > 0)
                say_line(stderr, "  its disk, with what is installed in the VM%s, %s",
                                n > 1 ? ", and snapshots" : "", size);
        if (p->work_directory)
                say_line(stderr, "The work directory %s stays.", p->work_directory);
        return confirm_ask(c, "Remove?");
}

/* The answer may have taken any time. */
static int check_again(Context *c, const ProjectEntry *p, const char *home) {
        int r = check_down(c, p->name);

        if (r == 0 && home && agent_home_is_in_use(c, home))
                r = fail(EXIT_FAILURE, "another VM uses '%s' by now; '%s' is not removed", home, p->name);
        return r;
}

/* The ini goes last, so that what could not be removed is still a project's. */
static int remove_all(const ProjectEntry *p, const char *own, const char *home, const DiskFiles *disks,
                const char *copy) {
        int r = suspended_remove(p->name);

        if (r < 0 && r != -ENOENT)
                return fail(EXIT_FAILURE, "Failed to remove the suspended VM '%s': %s", p->name,
                                strerror(-r));
        r = disk_files_remove(disks, p->name);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to remove the disk of '%s': %s", p->name, strerror(-r));
        r = home ? remove_tree(home) : 0;
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to remove '%s': %s", home, strerror(-r));
        r = copy ? copies_remove(copy) : 0;
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to remove '%s': %s", copy, strerror(-r));
        return unlink(own) < 0 ? fail(EXIT_FAILURE, "Failed to remove '%s': %s", own, strerror(errno)) : 0;
}

static int remove_project(Context *c, const char *word) {
        _cleanup_(disk_files_done) DiskFiles disks = { .directory = -EBADF };
        _cleanup_free_ char *own = NULL, *home = NULL, *copy = NULL;
        const ProjectEntry *p = NULL;
        int r = find_project(c, word, &p, &own);

        if (r != 0)
                return r;
        home = find_home(c, p);
        copy = copies_find(p->name);
        (void) disk_files_read(&disks);
        r = confirm_check(c, "rm asks first");
        if (r != 0)
                return r;
        if (!ask(c, p, own, home, &disks, copy))
                return fail(EXIT_FAILURE, "'%s' is not removed", p->name);
        r = check_again(c, p, home);
        return r == 0 ? remove_all(p, own, home, &disks, copy) : r;
}

int verb_rm(Context *c) {
        int result = 0;

        if (c->options->n_words == 0)
                return fail(EXIT_USAGE, "which project? Usage: claude-run rm NAME…");
        for (unsigned i = 0; i < c->options->n_words; i++) {
                int r = remove_project(c, c->options->words[i]);

                /* what it shared with the next one is that one's alone */
                context_forget_projects(c);
                result = r != 0 ? r : result;
        }
        return c->manager && context_reload(c) != 0 ? EXIT_FAILURE : result;
}
