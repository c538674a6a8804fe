#include "run-program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

extern char **environ;

static int run(char **argv, int output, int errors) {
        posix_spawn_file_actions_t actions;
        int r, status;
        pid_t pid;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        r = output >= 0 ? posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) : 0;
        if (r == 0 && errors >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
        if (r == 0)
                r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int run_program(char **argv, int output) {
        return run(argv, output, -1);
}

int run_program_quietly(char **argv) {
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        return null < 0 ? -errno : run(argv, null, null);
}
