#include "generator-list.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

#define ANSWER_MAX (16U * 1024U * 1024U)

extern char **environ;

/* Reads to the end of file; the text ends with NUL. */
static int read_all(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0, allocated = 0;
        ssize_t n;

        do {
                if (allocated - size < 4096) {
                        char *grown = allocated >= ANSWER_MAX
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

static int spawn(const char *generator, int output) {
        char *argv[] = { (char *) generator, (char *) "--list", NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid = -1;
        int r;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(&pid, generator, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        return r != 0 ? -r : pid;
}

int generator_list_read(const char *generator, ProjectEntries *ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int output = -EBADF;
        int fds[2], r, status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        output = fds[0];
        pid = spawn(generator, fds[1]);
        close(fds[1]);
        if (pid < 0)
                return pid;
        r = read_all(output, &text);
        if (r < 0)
                kill(pid, SIGKILL);
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        /* 1: some file was bad, which it has said; the others are in the list */
        if (r >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) > 1))
                return -EIO;
        return r < 0 ? r : generator_list_parse(text, ret);
}

static int parse_line(char *line, ProjectEntry *ret) {
        char **fields[] = { &ret->name, &ret->uuid, &ret->work_directory, &ret->ini, &ret->agent };
        char *rest = line;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *field = strsep(&rest, "\t");

                if (!field || !field[0])
                        return -EIO;
                *fields[i] = strdup(field);
                if (!*fields[i])
                        return -ENOMEM;
        }
        return rest ? -EIO : 0;
}

int generator_list_parse(char *text, ProjectEntries *ret) {
        ProjectEntries e = {};
        char *line;
        int r = 0;

        while (r >= 0 && text && text[0]) {
                ProjectEntry *grown = reallocarray(e.items, e.n + 1, sizeof(ProjectEntry));

                if (!grown) {
                        r = -ENOMEM;
                        break;
                }
                e.items = grown;
                e.items[e.n++] = (ProjectEntry) {};
                line = strsep(&text, "\n");
                r = parse_line(line, &e.items[e.n - 1]);
        }
        if (r < 0) {
                project_entries_done(&e);
                return r;
        }
        *ret = e;
        return 0;
}

void project_entries_done(ProjectEntries *e) {
        for (size_t i = 0; i < e->n; i++) {
                free(e->items[i].name);
                free(e->items[i].uuid);
                free(e->items[i].work_directory);
                free(e->items[i].ini);
                free(e->items[i].agent);
        }
        free(e->items);
        *e = (ProjectEntries) {};
}

const ProjectEntry *project_entries_find(const ProjectEntries *e, const char *name) {
        for (size_t i = 0; i < e->n; i++)
                if (strcmp(e->items[i].name, name) == 0 || strcasecmp(e->items[i].uuid, name) == 0)
                        return &e->items[i];
        return NULL;
}

static bool is_in(const char *path, const char *ancestor) {
        size_t n = strlen(ancestor);

        return strncmp(path, ancestor, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

const ProjectEntry *project_entries_here(const ProjectEntries *e, const char *directory, size_t *ret_n) {
        const ProjectEntry *best = NULL;
        size_t best_length = 0;

        *ret_n = 0;
        for (size_t i = 0; i < e->n; i++) {
                size_t n = strlen(e->items[i].work_directory);

                if (!is_in(directory, e->items[i].work_directory) || n < best_length)
                        continue;
                *ret_n = n == best_length ? *ret_n + 1 : 1;
                best = &e->items[i];
                best_length = n;
        }
        return best;
}
