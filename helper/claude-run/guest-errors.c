#include "helper/claude-run/guest-errors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/claude-run/say.h"

#define LINE_LENGTH 4096 /* of which a longer one is printed at a time */

/* The child's side of fork(). Ctrl-C ends the programs, and what they say about it comes after that. */
static void __attribute__((noreturn)) print_lines(int fd) {
        FILE *f = fdopen(fd, "r");
        char line[LINE_LENGTH];

        signal(SIGINT, SIG_IGN);
        while (f && fgets(line, sizeof(line), f))
                say_lines(stderr, "guest| ", line);
        _exit(0);
}

int guest_errors_begin(GuestErrors *ret) {
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                close(fds[1]);
                print_lines(fds[0]);
        }
        close(fds[0]);
        if (pid < 0) {
                int r = -errno;

                close(fds[1]);
                return r;
        }
        *ret = (GuestErrors) { .fd = fds[1], .reader = pid };
        return 0;
}

void guest_errors_end(GuestErrors *errors) {
        close(errors->fd);
        while (waitpid(errors->reader, NULL, 0) < 0 && errno == EINTR)
                ;
}
