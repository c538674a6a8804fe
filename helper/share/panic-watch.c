/* When a thread of virtiofsd panics, the process goes on without it. The share then answers nothing: the
 * guest hangs at its next access, and nobody knows why. A guest can make version 1.13.2 panic with an
 * extended attribute whose name is not UTF-8. When virtiofsd ends, the VM ends too and its status names the
 * share. Rust cannot be told at run time to end the process, so the watch looks for the words of a panic in
 * what virtiofsd writes to stderr. A guest that gets such words in there only ends its own VM. */

#include "helper/share/panic-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"

#define LINE_BYTES 4096

/* `thread 'NAME' panicked at PLACE:`; newer versions of Rust put a number after the name. */
static bool is_panic(const char *line) {
        return strncmp(line, "thread '", strlen("thread '")) == 0 && strstr(line, " panicked at ");
}

/* Over the unit's own stream, as virtiofsd's lines: journald no longer finds the unit of a datagram whose
 * sender is gone, and the signal that follows ends all of the unit. */
static void say(const char *line) {
        (void) !write(STDERR_FILENO, line, strlen(line));
}

/* Its descriptors are the pipe as stdin, and the caller's pidfd in the place of the listening socket. */
static _Noreturn void watch(void) {
        char line[LINE_BYTES];

        /* a stop sends it to all processes of the unit, and the last lines are still to come */
        signal(SIGINT, SIG_IGN);
        while (fgets(line, sizeof(line), stdin)) {
                say(line);
                if (!is_panic(line))
                        continue;
                say("A thread of virtiofsd has panicked, and its guest would hang: ending it\n");
                pidfd_send_signal(SD_LISTEN_FDS_START, SIGABRT, NULL, 0);
        }
        _exit(EXIT_SUCCESS);
}

static int take_descriptors(int from_caller, int caller) {
        if (dup2(from_caller, STDIN_FILENO) < 0 || dup2(caller, SD_LISTEN_FDS_START) < 0)
                return -errno;
        return close_range(SD_LISTEN_FDS_START + 1, UINT_MAX, 0) < 0 ? -errno : 0;
}

int panic_watch_start(void) {
        _cleanup_close_ int caller = pidfd_open(getpid(), 0), reading = -EBADF, writing = -EBADF;
        int fds[2];
        pid_t pid;

        if (caller < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        reading = fds[0];
        writing = fds[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (take_descriptors(reading, caller) < 0)
                        _exit(EXIT_FAILURE);
                watch();
        }
        return dup2(writing, STDERR_FILENO) < 0 ? -errno : 0;
}
