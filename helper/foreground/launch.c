#include "helper/foreground/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/foreground-mode.h"

int launch_environment(const char *directory, char ***ret) {
        static const char *const names[] = { "HOME", "USER", "LOGNAME", "LANG", "XDG_DATA_HOME",
                "XDG_CACHE_HOME", "XDG_CONFIG_HOME" };
        int r = strv_extend(ret, "PATH=/usr/bin:/bin", FOREGROUND_VARIABLE "=1", NULL);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                if (getenv(names[i]))
                        r = strv_appendf(ret, "%s=%s", names[i], getenv(names[i]));
        if (r >= 0)
                r = strv_appendf(ret, "XDG_RUNTIME_DIR=%s", directory);
        return r < 0 ? r : strv_appendf(ret, "NOTIFY_SOCKET=%s/notify", directory);
}

/* No more than the hard limit, which only root may raise. */
static void limit(__rlimit_resource_t resource, rlim_t value) {
        struct rlimit now;

        if (getrlimit(resource, &now) < 0)
                return;
        now.rlim_max = value < now.rlim_max ? value : now.rlim_max;
        now.rlim_cur = now.rlim_max;
        (void) setrlimit(resource, &now);
}

/* What the units set and an ordinary program can: see ARCHITECTURE.md for what it cannot. */
static int confine(const Launch *l) {
        sigset_t mask;

        sigemptyset(&mask);
        /* a share outlives the SIGTERM of everybody, until QEMU hangs up */
        if (l->listener_fd >= 0) {
                sigaddset(&mask, SIGTERM);
                sigaddset(&mask, SIGINT);
        }
        sigprocmask(SIG_SETMASK, &mask, NULL);
        umask(0077);
        limit(RLIMIT_CORE, 0);
        limit(RLIMIT_NOFILE, l->files);
        if (l->data > 0)
                limit(RLIMIT_DATA, l->data);
        foreground_bind();
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* The child's side of fork(). */
static void __attribute__((noreturn)) become_helper(const Launch *l) {
        const char *const argv[] = { l->helper, l->verb, l->argument, NULL };
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(l->log_fd, STDOUT_FILENO) < 0 ||
                        dup2(l->log_fd, STDERR_FILENO) < 0)
                _exit(127);
        /* whoever called claude-run may have left more open, and a guest that breaks out has what its QEMU
         * has */
        if (close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC) < 0) {
                dprintf(STDERR_FILENO, "Failed to close the caller's descriptors: %s\n", strerror(errno));
                _exit(127);
        }
        if (l->listener_fd == 3 ? fcntl(3, F_SETFD, 0) < 0
                                : l->listener_fd >= 0 && dup2(l->listener_fd, 3) < 0)
                _exit(127);
        if (confine(l) >= 0)
                execve(argv[0], (char **) argv, l->environment);
        dprintf(STDERR_FILENO, "Failed to run '%s': %s\n", argv[0], strerror(errno));
        _exit(127);
}

pid_t launch(const Launch *l) {
        pid_t pid;

        /* for foreground_bind() in the child, before its execve() */
        if (setenv(FOREGROUND_VARIABLE, "1", 1) < 0)
                return -errno;
        foreground_set_parent(getpid());
        pid = fork();
        if (pid == 0)
                become_helper(l);
        return pid < 0 ? -errno : pid;
}
