#include "common/run-program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#define OUTPUT_MAX (16U * 1024U * 1024U)

extern char **environ;

/* Returns the process, or negative errno. A negative descriptor stands for our own. */
static int spawn(const char *const argv[], int input, int output, int errors) {
        posix_spawn_file_actions_t actions;
        pid_t pid = -1;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        r = input >= 0 ? posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) : 0;
        if (r == 0 && output >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0 && errors >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
        if (r == 0)
                /* its prototype is older than const; it changes none of the strings */
                r = posix_spawn(&pid, argv[0], &actions, NULL, (char **) argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return r != 0 ? -r : pid;
}

static int wait_for(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int run_program(const char *const argv[], int output) {
        pid_t pid = spawn(argv, -1, output, -1);

        return pid < 0 ? pid : wait_for(pid);
}

int run_program_input(const char *const argv[], int input) {
        pid_t pid = spawn(argv, input, -1, -1);

        return pid < 0 ? pid : wait_for(pid);
}

int run_program_between(const char *const argv[], int input, int output) {
        pid_t pid = spawn(argv, input, output, -1);

        return pid < 0 ? pid : wait_for(pid);
}

int run_program_quietly(const char *const argv[]) {
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        pid_t pid = null < 0 ? -errno : spawn(argv, -1, null, null);

        return pid < 0 ? pid : wait_for(pid);
}

/* Reads to the end of file; the text ends with NUL. */
static int read_all(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0, allocated = 0;
        ssize_t n;

        do {
                if (allocated - size < 4096) {
                        char *grown = allocated >= OUTPUT_MAX
                                        ? NULL
                                        : realloc(text, allocated = 2 * allocated + 8192);

                        if (!grown)
                                return -ENOMEM;
                        text = grown;
                }
                n = read(fd, text + size, allocated - size - 1);
                if (n < 0)
                        return -errno;
                size += (size_t) n;
        } while (n > 0);
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

/* Keeps what comes from one of the two descriptors; the other one becomes `other`. */
static int run_and_read(const char *const argv[], int which, int other, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int input = -EBADF;
        int fds[2], r, status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        input = fds[0];
        pid = which == STDOUT_FILENO ? spawn(argv, -1, fds[1], other) : spawn(argv, -1, other, fds[1]);
        close(fds[1]);
        if (pid < 0)
                return pid;
        r = read_all(input, &text);
        if (r < 0)
                kill(pid, SIGKILL);
        status = wait_for(pid);
        if (r < 0 || status < 0)
                return r < 0 ? r : status;
        *ret = TAKE_PTR(text);
        return status;
}

int run_program_read(const char *const argv[], char **ret) {
        return run_and_read(argv, STDOUT_FILENO, -1, ret);
}

int run_program_read_quietly(const char *const argv[], char **ret) {
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        return null < 0 ? -errno : run_and_read(argv, STDOUT_FILENO, null, ret);
}

int run_program_read_errors(const char *const argv[], char **ret) {
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        return null < 0 ? -errno : run_and_read(argv, STDERR_FILENO, null, ret);
}

static void __attribute__((noreturn)) exec_end(const PipeEnd *end, int fd, int as) {
        int r = dup2(fd, as) < 0 || (end->errors > 0 && dup2(end->errors, STDERR_FILENO) < 0) ? -errno : 0;

        if (r >= 0 && end->directory >= 0 && fchdir(end->directory) < 0)
                r = -errno;
        if (r >= 0 && end->prepare)
                r = end->prepare(end->directory);
        if (r >= 0) {
                execv(end->argv[0], (char **) end->argv);
                r = -errno;
        }
        fprintf(stderr, "Failed to run '%s': %s\n", end->argv[0], strerror(-r));
        _exit(127);
}

static pid_t fork_end(const PipeEnd *end, int fd, int as) {
        pid_t pid = fork();

        if (pid == 0)
                exec_end(end, fd, as);
        return pid < 0 ? -errno : pid;
}

static volatile sig_atomic_t ends[2];

void run_program_pipe_kill(int sig) {
        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                if (ends[i] > 0)
                        kill(ends[i], sig);
}

static int wait_for_end(size_t i) {
        int status = wait_for(ends[i]);

        ends[i] = 0;
        return status;
}

int run_program_pipe(const PipeEnd *first, const PipeEnd *second) {
        int fds[2], status, status_of_second;
        pid_t writer, reader;

        fflush(NULL);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        writer = fork_end(first, fds[1], STDOUT_FILENO);
        reader = writer < 0 ? writer : fork_end(second, fds[0], STDIN_FILENO);
        ends[0] = writer;
        ends[1] = reader;
        close(fds[0]);
        close(fds[1]);
        if (writer < 0)
                return writer;
        status = wait_for_end(0);
        if (reader < 0)
                return reader;
        status_of_second = wait_for_end(1);
        if (status != 0 && status != first->harmless)
                return status;
        return status_of_second == second->harmless ? 0 : status_of_second;
}
