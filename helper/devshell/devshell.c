/* A guest can write the work directory, so evaluating its flake runs what the guest wrote: Nix's
 * language, in its pure mode, and builds in Nix's sandbox, because DevShell= asks for just that. Nothing
 * else of the directory may influence it: nix finds no git, ssh or hg, whose configuration in the directory
 * can name programs (since Nix 2.20 it reads a repository itself; inputs that are fetched with git must be
 * fetched before), settings of the flake are not accepted, and nothing is written there. devenv does
 * write beside its files, so it gets copies of them.
 *
 * view.c hides home, runtime directory and /tmp. The environment is ours to hide: a build with a
 * known hash may ask for variables of it (impureEnvVars), and pure mode does not keep devenv from any.
 *
 * The result is kept under the hash that the files had before, and only if they still have it after. */

#include "helper/devshell/devshell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/strjoin.h"
#include "helper/devshell/evaluator.h"
#include "helper/devshell/source.h"
#include "helper/log.h"

#define SCRIPT_MAX (16 * 1024 * 1024)
#define SECTOR 512

/* The directory of a work directory's results. */
static int open_project(const char *dir, const DevShellSource *source) {
        _cleanup_free_ char *path = strjoin(dir, "/", source->project, NULL);
        int fd, r = path ? directory_make(path) : -ENOMEM;

        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int devshell_open(const char *dir, const char *work_directory, DevShellKind kind) {
        _cleanup_free_ char *path = NULL;
        DevShellSource source;
        const char *name;
        int fd, r = devshell_source_read(work_directory, kind, &source, &name);

        if (r < 0)
                return r;
        kind = source.kind;
        path = strjoin(dir, "/", source.project, "/", source.key, NULL);
        devshell_source_done(&source);
        if (!path || kind == DEVSHELL_NONE)
                return path ? -ENODATA : -ENOMEM;
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The profile leads nowhere: the user has emptied the store. */
static bool is_cached(int project_fd, const DevShellSource *source) {
        char target[PATH_MAX];

        if (faccessat(project_fd, source->key, R_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        return readlinkat(project_fd, "profile", target, sizeof(target)) < 0 ||
                        faccessat(project_fd, "profile", F_OK, 0) == 0;
}

/* --- the result ------------------------------------------------------------------------ */

/* Pads the script with newlines, because a disk has whole sectors. */
static int check_script(int fd) {
        char newlines[SECTOR];
        off_t size = lseek(fd, 0, SEEK_END);
        size_t rest = (size_t) (-size & (SECTOR - 1));

        if (size <= 0)
                return size < 0 ? -errno : -ENODATA;
        if (size > SCRIPT_MAX)
                return -EFBIG;
        memset(newlines, '\n', sizeof(newlines));
        return write(fd, newlines, rest) == (ssize_t) rest ? 0 : -EIO;
}

/* Matches results of earlier files, and profiles other than the current one. */
static void remove_old(int project_fd, const DevShellSource *source) {
        _cleanup_closedir_ DIR *d = NULL;
        char current[PATH_MAX] = "";
        int fd = openat(project_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d || readlinkat(project_fd, "profile", current, sizeof(current) - 1) >= PATH_MAX - 1)
                return;
        for (const struct dirent *entry; (entry = readdir(d));)
                if (strcmp(entry->d_name, source->key) != 0 && strcmp(entry->d_name, "profile") != 0 &&
                                strcmp(entry->d_name, current) != 0)
                        /* not the directory of devenv's copies */
                        (void) unlinkat(project_fd, entry->d_name, 0);
}

/* Returns true if the files have not changed. */
static bool is_unchanged(const DevShellSource *source, const DevShellConfig *c) {
        DevShellSource now;
        const char *name;
        bool same;

        if (devshell_source_read(c->work_directory, c->kind, &now, &name) < 0)
                return false;
        same = strcmp(now.key, source->key) == 0;
        devshell_source_done(&now);
        return same;
}

static int evaluate_to(const DevShellSource *source, const DevShellConfig *c, const char *program,
                const char *project, int output) {
        int r = source->kind == DEVSHELL_FLAKE ? evaluator_run_nix(source, c->dir, program, project, output)
                                               : evaluator_run_devenv(source, c, program, project, output);

        return r == 0 ? check_script(output) : r;
}

/* Positive: the program failed and has said why. */
static int make_script(
                const DevShellSource *source, const DevShellConfig *c, int project_fd, const char *program) {
        _cleanup_free_ char *project = strjoin(c->dir, "/", source->project, NULL);
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!project)
                return -ENOMEM;
        if (unlinkat(project_fd, "new", 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(project_fd, "new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = evaluate_to(source, c, program, project, fd);
        if (r != 0)
                (void) unlinkat(project_fd, "new", 0);
        return r;
}

static int complain(const char *work_directory, const char *why) {
        log_message(LOG_WARNING, "No dev shell for '%s': %s", work_directory, why);
        return EXIT_FAILURE;
}

/* Explains what make_script() returned. */
static const char *reason_of(int r) {
        return r > 0                    ? "the evaluation failed; its last lines say why"
                        : r == -ENODATA ? "the evaluation printed nothing"
                        : r == -EFBIG   ? "the evaluation printed more than 16 MiB"
                                        : strerror(-r);
}

static int evaluate(const DevShellSource *source, const DevShellConfig *c, int project_fd) {
        const char *name = source->kind == DEVSHELL_FLAKE ? "nix" : "devenv",
                   *work_directory = c->work_directory;
        _cleanup_free_ char *program = evaluator_find_program(c->dirs, name);
        int r;

        if (!program) {
                log_message(LOG_WARNING, "No dev shell for '%s': there is no program '%s' in %s",
                                work_directory, name, c->dirs);
                return EXIT_FAILURE;
        }
        r = make_script(source, c, project_fd, program);
        if (r != 0)
                return complain(work_directory, reason_of(r));
        if (!is_unchanged(source, c)) {
                (void) unlinkat(project_fd, "new", 0);
                return complain(work_directory, "its files changed during the evaluation");
        }
        if (renameat(project_fd, "new", project_fd, source->key) < 0)
                return complain(work_directory, strerror(errno));
        remove_old(project_fd, source);
        log_message(LOG_INFO, "Dev shell of '%s' evaluated by %s", work_directory, program);
        return EXIT_SUCCESS;
}

/* Lets one VM evaluate at a time: the others on this directory use its result. */
static int evaluate_once(const DevShellSource *source, const DevShellConfig *c) {
        _cleanup_close_ int project_fd = open_project(c->dir, source);

        if (project_fd < 0)
                return complain(c->work_directory, strerror(-project_fd));
        if (flock(project_fd, LOCK_EX) < 0)
                return complain(c->work_directory, strerror(errno));
        if (!is_cached(project_fd, source))
                return evaluate(source, c, project_fd);
        log_message(LOG_INFO, "Dev shell of '%s': as evaluated before", c->work_directory);
        return EXIT_SUCCESS;
}

static int cannot_read(const char *work_directory, const char *name, int error) {
        const char *why = error == -ELOOP ? "it is a symbolic link, or one leads to it"
                        : error == -EFBIG ? "it has more than 1 MiB"
                                          : strerror(-error);

        log_message(LOG_WARNING, "No dev shell for '%s': cannot read '%s': %s", work_directory, name, why);
        return EXIT_FAILURE;
}

/* The kind's file is not there: fine, unless the other kind's is. */
static int nothing_to_evaluate(const DevShellSource *source, const DevShellConfig *c) {
        if (c->kind == DEVSHELL_FLAKE && devshell_source_has(source, DEVSHELL_DEVENV))
                return complain(c->work_directory,
                                "it has a devenv.nix and no flake.nix. devenv evaluates impurely: if it may, write DevShell=devenv");
        log_message(LOG_INFO, "'%s' has no %s: no dev shell", c->work_directory,
                        c->kind == DEVSHELL_FLAKE ? "flake.nix" : "devenv.nix");
        return EXIT_SUCCESS;
}

int devshell_evaluate(const DevShellConfig *c) {
        DevShellSource source;
        const char *name;
        int r = devshell_source_read(c->work_directory, c->kind, &source, &name);

        if (r < 0)
                return cannot_read(c->work_directory, name, r);
        if (source.kind == DEVSHELL_NONE)
                r = nothing_to_evaluate(&source, c);
        else
                r = evaluate_once(&source, c);
        devshell_source_done(&source);
        return r;
}
