/* A Nix profile or a prefix in the home cannot put a generator where systemd runs it at
 * login. Then claude-run does what systemd would: it runs the generator before a start.
 *
 *     $XDG_RUNTIME_DIR/claude-microvm/units/       what the generator wrote
 *     $XDG_RUNTIME_DIR/systemd/user/               links to it, to the templates and to their drop-ins
 *
 * What is new is written beside and compared first, because each reload of the manager
 * costs every other unit of the user a moment. Units of ad-hoc requests lie in the same
 * directory as files of their own, so only links that lead into ours are ever removed. */

#include "helper/claude-run/uninstalled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/run-program.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "config.h"
#include "helper/claude-run/memory.h"

static const char *const templates[] = { "app-claude.slice", "claude-vm@.service",
        "claude-vm-clipboard@.service", "claude-vm-clipboard@.socket", "claude-vm-copy@.service",
        "claude-vm-devshell@.service", "claude-vm-net@.service", "claude-vm-pasta@.service",
        "claude-vm-dns@.service", "claude-vm-proxy@.service", "claude-vm-ssh@.service",
        "claude-vm-suspend@.service", "claude-vm-virtiofsd@.service", "claude-vm-virtiofsd@.socket" };

bool uninstalled_has_generator(void) {
        /* systemd.generator(7) */
        static const char *const directories[] = { "/run/systemd/user-generators",
                "/etc/systemd/user-generators", "/usr/local/lib/systemd/user-generators",
                "/usr/lib/systemd/user-generators" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/claude-vm-generator", directories[i]);
                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

/* --- links ----------------------------------------------------------------------------- */

/* Returns 1 if the link is new or has led elsewhere. Leaves alone what is not a link, because it is not
 * ours. */
static int ensure_link(const char *target, const char *directory, const char *name) {
        _cleanup_free_ char *path = NEED(strjoin(directory, "/", name, NULL));
        char old[4096];
        ssize_t n = readlink(path, old, sizeof(old) - 1);

        if (n >= 0) {
                old[n] = '\0';
                if (strcmp(old, target) == 0)
                        return 0;
                if (unlink(path) < 0)
                        return -errno;
        } else if (errno == EINVAL)
                return 0;
        return symlink(target, path) < 0 ? -errno : 1;
}

/* Removes the links in `directory` that begin with `prefix` and lead to nothing any more, or to anything if
 * `all`. 1: there was one. */
static int remove_links(const char *directory, const char *prefix, bool all) {
        _cleanup_strv_free_ char **names = NULL;
        int changed = 0, r = directory_list(directory, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *path = NEED(strjoin(directory, "/", names[i], NULL));
                char target[4096];
                ssize_t n = readlink(path, target, sizeof(target) - 1);

                if (n < 0 || strncmp(target, prefix, strlen(prefix)) != 0 ||
                                (!all && access(path, F_OK) == 0))
                        continue;
                r = unlink(path) < 0 ? -errno : 0;
                changed = 1;
        }
        return r < 0 ? r : changed;
}

/* Removes the link wherever it leads: another copy of ours has made it. 1: there was one. */
static int remove_link(const char *directory, const char *name) {
        _cleanup_free_ char *path = NEED(strjoin(directory, "/", name, NULL));
        char target[2];

        if (readlink(path, target, sizeof(target)) < 0)
                return 0;
        return unlink(path) < 0 ? -errno : 1;
}

/* Those of -Dunit_namespaces=false, which some templates have. */
static int link_installed_dropins(const char *unit_dir, const char *template) {
        _cleanup_free_ char *name = NEED(strjoin(template, ".d", NULL)),
                            *target = NEED(strjoin(USER_UNIT_DIR "/", name, NULL));

        return access(target, F_OK) < 0 ? remove_link(unit_dir, name) : ensure_link(target, unit_dir, name);
}

static int link_templates(const char *unit_dir) {
        int changed = 0;

        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                _cleanup_free_ char *target = NEED(strjoin(USER_UNIT_DIR "/", templates[i], NULL));
                int r = ensure_link(target, unit_dir, templates[i]);

                changed |= r > 0;
                if (r >= 0)
                        r = link_installed_dropins(unit_dir, templates[i]);
                if (r < 0)
                        return r;
                changed |= r;
        }
        return changed;
}

/* Returns 1 if there was a link. */
static int unlink_templates(const char *unit_dir) {
        int changed = 0;

        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                _cleanup_free_ char *dropins = NEED(strjoin(templates[i], ".d", NULL));
                int r = remove_link(unit_dir, templates[i]);

                changed |= r > 0;
                if (r >= 0)
                        r = remove_link(unit_dir, dropins);
                if (r < 0)
                        return r;
                changed |= r;
        }
        return changed;
}

/* The drop-ins only: a start at login is for a generator that runs at login. */
static int link_dropins(const char *generated, const char *unit_dir) {
        _cleanup_strv_free_ char **names = NULL;
        int changed = 0, r = directory_list(generated, &names);

        for (size_t i = 0; r >= 0 && names && names[i]; i++) {
                _cleanup_free_ char *target = NEED(strjoin(generated, "/", names[i], NULL));
                size_t n = strlen(names[i]);

                if (n < 2 || strcmp(names[i] + n - 2, ".d") != 0)
                        continue;
                r = ensure_link(target, unit_dir, names[i]);
                changed |= r > 0;
        }
        return r < 0 ? r : changed;
}

/* --- the whole ------------------------------------------------------------------------- */

/* Drops the generator's messages: claude-run has already shown them when it asked for the list of projects.
 */
static int generate(const char *generator, const char *directory) {
        int r = directory_remove_tree(directory, 1);

        if (r >= 0)
                r = directory_make(directory);
        if (r >= 0)
                r = run_program_quietly((const char *const[]) { generator, directory, NULL });
        /* 1: a file is bad; its unit says so */
        return r > 1 ? -EIO : r < 0 ? r : 0;
}

static int renew(const char *generator, const char *generated) {
        _cleanup_free_ char *new = NEED(strjoin(generated, ".new", NULL));
        int r = generate(generator, new);

        if (r >= 0)
                r = directory_is_same(generated, new);
        if (r > 0)
                return directory_remove_tree(new, 1);
        if (r >= 0)
                r = directory_remove_tree(generated, 1);
        if (r >= 0)
                r = rename(new, generated) < 0 ? -errno : 1;
        return r;
}

static int link_all(const char *generator, const char *generated, const char *unit_dir) {
        int changed, r = directory_make(unit_dir);

        if (r >= 0)
                r = renew(generator, generated);
        if (r < 0)
                return r;
        changed = r;
        r = link_templates(unit_dir);
        if (r < 0)
                return r;
        changed |= r;
        r = link_dropins(generated, unit_dir);
        if (r < 0)
                return r;
        changed |= r;
        r = remove_links(unit_dir, generated, false);
        return r < 0 ? r : changed | r;
}

static int unlink_all(const char *generated, const char *unit_dir) {
        int changed, r;

        if (access(generated, F_OK) < 0)
                return 0;
        changed = remove_links(unit_dir, generated, true);
        if (changed < 0)
                return changed;
        r = unlink_templates(unit_dir);
        if (r < 0)
                return r;
        changed |= r;
        r = directory_remove_tree(generated, 1);
        return r < 0 ? r : changed;
}

int uninstalled_sync(const char *runtime_dir, const char *generator, bool installed) {
        _cleanup_free_ char *generated = NEED(strjoin(runtime_dir, "/claude-microvm/units", NULL)),
                            *lock_path = NEED(strjoin(generated, ".lock", NULL)),
                            *unit_dir = NEED(runtime_path_units(runtime_dir));
        _cleanup_close_ int lock = -EBADF;
        int r;

        if (installed && access(generated, F_OK) < 0)
                return 0;
        r = directory_make_parents(lock_path);
        if (r < 0)
                return r;
        lock = open(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
                return -errno;
        return installed ? unlink_all(generated, unit_dir) : link_all(generator, generated, unit_dir);
}
