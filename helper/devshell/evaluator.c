#include "helper/devshell/evaluator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "helper/devshell/devshell.h"
#include "helper/devshell/source.h"

char *evaluator_find_program(const char *dirs, const char *program) {
        _cleanup_free_ char *copy = strdup(dirs);
        char *rest = copy, *dir;

        while ((dir = strsep(&rest, ":"))) {
                bool in_home = strncmp(dir, "~/", 2) == 0;
                const char *home = in_home ? getenv("HOME") : "";
                _cleanup_free_ char *path =
                                home ? strjoin(home, in_home ? dir + 1 : dir, "/", program, NULL) : NULL;

                if (path && path[0] == '/' && access(path, X_OK) == 0)
                        return TAKE_PTR(path);
        }
        return NULL;
}

/* Where the store is, and how to fetch from behind a proxy. The journal is our own. */
static const char *const kept_variables[] = { "NIX_REMOTE", "NIX_SSL_CERT_FILE", "SSL_CERT_FILE",
        "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
        "NO_PROXY", "TMPDIR", "LANG", "JOURNAL_STREAM" };

/* Of this process too, which is at its end. */
static int make_environment(const char *dir, const char *path) {
        char *values[ELEMENTSOF(kept_variables)];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(kept_variables); i++) {
                const char *value = getenv(kept_variables[i]);

                values[i] = value ? strdup(value) : NULL;
        }
        clearenv();
        for (size_t i = 0; i < ELEMENTSOF(kept_variables); i++) {
                if (values[i])
                        r |= setenv(kept_variables[i], values[i], 1);
                free(values[i]);
        }
        /* what a program keeps in its home is gone with the unit; nix's own caches are ours, too */
        r |= setenv("HOME", getenv("TMPDIR") ?: "/var/empty", 1) | setenv("XDG_CACHE_HOME", dir, 1) |
                        setenv("PATH", path, 1);
        return r < 0 ? -ENOMEM : 0;
}

int evaluator_run_nix(const DevShellSource *source, const char *dir, const char *nix, const char *project,
                int output) {
        _cleanup_free_ char *profile = strjoin(project, "/profile", NULL);
        int r;

        if (!profile)
                return -ENOMEM;
        /* a PATH that does not exist */
        r = make_environment(dir, "/var/empty");
        if (r < 0 || fchdir(source->directory_fd) < 0)
                return r < 0 ? r : -errno;
        const char *const argv[] = {
                nix,
                "print-dev-env",
                "--extra-experimental-features",
                "nix-command flakes",
                /* settings that the flake itself brings along could turn the sandbox off */
                "--option",
                "accept-flake-config",
                "false",
                /* so could the user's own, and where it cannot be made nix would build without it: a builder
                 * is a program of the guest's. With a daemon the daemon decides. */
                "--option",
                "sandbox",
                "true",
                "--option",
                "sandbox-fallback",
                "false",
                "--no-write-lock-file",
                "--profile",
                profile,
                ".",
                NULL,
        };
        return run_program(argv, output);
}

/* For devenv, beside the results. */
static int copy_files(const DevShellSource *source, const char *devenv_dir) {
        int r = directory_make(devenv_dir);

        for (size_t i = 0; r >= 0 && i < DEVSHELL_FILES; i++) {
                _cleanup_free_ char *path = strjoin(devenv_dir, "/", source->files[i].name, NULL);
                const char *text = source->files[i].text;

                if (!path)
                        return -ENOMEM;
                if (unlink(path) < 0 && errno != ENOENT)
                        return -errno;
                if (text)
                        r = whole_file_create(path, 0600, text, strlen(text));
        }
        return r;
}

/* devenv runs nix by name. Owned; NULL without memory. */
static char *make_path(const char *dirs, const char *devenv) {
        _cleanup_free_ char *nix = evaluator_find_program(dirs, "nix"),
                            *first = strndup(devenv, (size_t) (strrchr(devenv, '/') - devenv));

        if (nix)
                *strrchr(nix, '/') = '\0';
        return first ? strjoin(first, nix ? ":" : NULL, nix, NULL) : NULL;
}

int evaluator_run_devenv(const DevShellSource *source, const DevShellConfig *c, const char *devenv,
                const char *project, int output) {
        _cleanup_free_ char *devenv_dir = strjoin(project, "/devenv", NULL),
                            *path = make_path(c->dirs, devenv);
        int r;

        if (!path || !devenv_dir)
                return -ENOMEM;
        r = copy_files(source, devenv_dir);
        if (r < 0)
                return r;
        r = make_environment(c->dir, path);
        /* the settings that evaluator_run_nix() has as arguments */
        if (r < 0 || chdir(devenv_dir) < 0 ||
                        setenv("NIX_CONFIG",
                                        "accept-flake-config = false\nsandbox = true\n"
                                        "sandbox-fallback = false",
                                        1) < 0)
                return r < 0 ? r : -errno;
        return run_program((const char *const[]) { devenv, "print-dev-env", NULL }, output);
}
