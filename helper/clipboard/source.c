/* wl-paste asks a Wayland compositor, xclip an X server, which hand the question on to the program that has
 * the clipboard. That one may hang, or send without an end: time and size are bounded, and what is started
 * here is killed, with its children. Neither program is given anything that comes from the guest. */

#include "helper/clipboard/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/usec.h"

/* Claude Code waits for three seconds and for thirty. */
#define TYPES_LIMIT (2 * SEC)
#define IMAGE_LIMIT (10 * SEC)
#define TYPES_MAX 65536U

#define PNG_TYPE "image/png"

typedef struct Reader {
        const char *variable; /* names the display; unset: there is none of this kind */
        const char *types[6], *image[6];
} Reader;

/* In the order in which they are tried: under Wayland DISPLAY leads to a copy of the clipboard, or to none.
 */
static const Reader readers[] = {
        { "WAYLAND_DISPLAY", { "--list-types" }, { "--no-newline", "--type", PNG_TYPE } },
        { "DISPLAY", { "-selection", "clipboard", "-o", "-t", "TARGETS" },
                        { "-selection", "clipboard", "-o", "-t", PNG_TYPE } },
};

/* --- one program, bounded -------------------------------------------------------------- */

typedef struct Run {
        pid_t pid;
        int pidfd, output;
        uint64_t until_usec;
} Run;

static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int output) {
        /* what it complains of is known by its exit status, and a guest can make it do so */
        int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP);
        return -r;
}

static int spawn(const char *const argv[], char *const environment[], int output, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        if (posix_spawnattr_init(&attributes) != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return -ENOMEM;
        }
        r = set_up(&actions, &attributes, output);
        if (r >= 0)
                r = -posix_spawn(ret, argv[0], &actions, &attributes, (char **) argv, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int run_begin(const char *const argv[], char *const environment[], uint64_t limit_usec, Run *ret) {
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(argv, environment, fds[1], &ret->pid);
        close(fds[1]);
        if (r < 0) {
                close(fds[0]);
                return r;
        }
        ret->output = fds[0];
        ret->pidfd = pidfd_open(ret->pid, 0);
        ret->until_usec = usec_now(CLOCK_MONOTONIC) + limit_usec;
        return 0;
}

/* Waits until there is something to read, or the process has ended. */
static int wait_readable(const Run *run, int fd) {
        struct pollfd p = { fd, POLLIN, 0 };

        for (;;) {
                uint64_t now = usec_now(CLOCK_MONOTONIC);
                int r;

                if (now >= run->until_usec)
                        return -ETIMEDOUT;
                r = poll(&p, 1, (int) ((run->until_usec - now) / 1000 + 1));
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

/* Its exit status. Whatever it has left runs no more. */
static int run_end(Run *run, int result) {
        int status;

        if (result >= 0)
                result = run->pidfd < 0 ? -EBADF : wait_readable(run, run->pidfd);
        kill(-run->pid, SIGKILL);
        while (waitpid(run->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        close(run->output);
        if (run->pidfd >= 0)
                close(run->pidfd);
        if (result < 0)
                return result;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* To the end of its output. */
static int read_output(const Run *run, size_t max, uint8_t **data, size_t *size) {
        size_t allocated = 0;

        for (;;) {
                ssize_t n;
                int r;

                if (*size == allocated) {
                        uint8_t *grown = realloc(*data, allocated = 2 * allocated + 65536);

                        if (!grown)
                                return -ENOMEM;
                        *data = grown;
                }
                r = wait_readable(run, run->output);
                if (r < 0)
                        return r;
                n = read(run->output, *data + *size, allocated - *size);
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                *size += (size_t) n;
                if (*size > max)
                        return -EFBIG;
        }
}

static int run_read(const char *const argv[], char *const environment[], uint64_t limit_usec, size_t max,
                uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size = 0;
        Run run = {};
        int r = run_begin(argv, environment, limit_usec, &run);

        if (r < 0)
                return r;
        r = run_end(&run, read_output(&run, max, &data, &size));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return r;
}

/* --- the readers ----------------------------------------------------------------------- */

/* What these programs need of the user's session, and nothing else of it: it may have secrets. */
static int make_environment(const ClipboardSource *source, char ***ret) {
        static const char *const names[] = { "WAYLAND_DISPLAY", "DISPLAY", "XAUTHORITY" };
        static const char *const own[] = { "HOME", "XDG_RUNTIME_DIR" };
        /* wl-paste runs cat */
        int r = strv_append(ret, "PATH=/usr/bin:/bin:/run/current-system/sw/bin");

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
                const char *value = strv_value(source->variables, names[i]);

                if (value)
                        r = strv_appendf(ret, "%s=%s", names[i], value);
        }
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(own); i++)
                if (getenv(own[i]))
                        r = strv_appendf(ret, "%s=%s", own[i], getenv(own[i]));
        return r;
}

/* Runs one reader and returns its exit status. -ENXIO: its display is not here; -ENOENT: it is missing. */
static int run_reader(
                const ClipboardSource *source, size_t i, bool for_types, uint8_t **ret, size_t *ret_size) {
        const char *const programs[] = { source->wl_paste, source->xclip };
        const char *const *arguments = for_types ? readers[i].types : readers[i].image;
        _cleanup_strv_free_ char **environment = NULL;
        const char *argv[8] = { programs[i] };
        int r;

        if (!strv_value(source->variables, readers[i].variable))
                return -ENXIO;
        if (access(programs[i], X_OK) < 0)
                return -ENOENT;
        for (size_t n = 0; n < ELEMENTSOF(readers[i].types) && arguments[n]; n++)
                argv[n + 1] = arguments[n];
        r = make_environment(source, &environment);
        return r < 0 ? r
                     : run_read(argv, environment, for_types ? TYPES_LIMIT : IMAGE_LIMIT,
                                       for_types ? TYPES_MAX : IMAGE_MAX, ret, ret_size);
}

/* Runs the readers until one has an answer: 0 and what it printed; positive: none has. A program that hangs
 * is not followed by another: who pastes waits. */
static int ask(const ClipboardSource *source, bool for_types, uint8_t **ret, size_t *ret_size) {
        int result = -ENXIO;

        for (size_t i = 0; i < ELEMENTSOF(readers); i++) {
                int r = run_reader(source, i, for_types, ret, ret_size);

                if (r == 0 || (r < 0 && r != -ENXIO && r != -ENOENT))
                        return r;
                free(TAKE_PTR(*ret));
                if (r > 0 || (r == -ENOENT && result == -ENXIO))
                        result = r;
        }
        return result;
}

static bool has_line(const char *text, size_t size, const char *line) {
        size_t n = strlen(line);

        for (const char *end; size > 0; size -= (size_t) (end - text), text = end) {
                const char *newline = memchr(text, '\n', size);

                end = newline ? newline + 1 : text + size;
                if ((size_t) ((newline ?: end) - text) == n && memcmp(text, line, n) == 0)
                        return true;
        }
        return false;
}

int clipboard_has_png(const ClipboardSource *source) {
        _cleanup_free_ uint8_t *types = NULL;
        size_t size;
        int r = ask(source, true, &types, &size);

        if (r != 0)
                return r < 0 ? r : 0;
        return has_line((const char *) types, size, PNG_TYPE);
}

int clipboard_read_png(const ClipboardSource *source, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r = ask(source, false, &data, &size);

        if (r != 0)
                return r < 0 ? r : -ENODATA;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}
