#include "helper/foreground/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "helper/foreground/kept.h"

struct Keeper {
        pid_t pid;
        int fd;
};

int keeper_start(const KeeperConfig *config, Keeper **ret) {
        Keeper *k = calloc(1, sizeof(Keeper));
        int pair[2];

        if (!k)
                return -ENOMEM;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
                free(k);
                return -errno;
        }
        fflush(NULL);
        k->fd = pair[0];
        k->pid = fork();
        if (k->pid == 0) {
                close(pair[0]);
                keep(config, pair[1]);
        }
        close(pair[1]);
        if (k->pid < 0) {
                int r = -errno;

                close(k->fd);
                free(k);
                return r;
        }
        *ret = k;
        return 0;
}

int keeper_wait_ready(Keeper *k) {
        char first;
        ssize_t n = recv(k->fd, &first, 1, MSG_PEEK);

        if (n < 0)
                return -errno;
        if (n == 0 || first != '\n')
                return -ECANCELED;
        return recv(k->fd, &first, 1, 0) < 0 ? -errno : 0;
}

static char *read_report(int fd) {
        char text[KEPT_WHY_MAX + KEPT_LOG_MAX + 2];
        size_t size = 0;
        ssize_t n;

        while (size < sizeof(text) - 1 &&
                        ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0 ||
                                        (n < 0 && errno == EINTR)))
                size += n > 0 ? (size_t) n : 0;
        return strndup(text, size);
}

int keeper_end(Keeper *k, char **ret_why, char **ret_log) {
        _cleanup_free_ char *text = NULL;
        char *end;
        int status;

        shutdown(k->fd, SHUT_WR);
        text = read_report(k->fd);
        close(k->fd);
        while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR)
                ;
        free(k);
        end = text ? strchr(text, '\n') : NULL;
        *ret_why = end && end > text ? strndup(text, (size_t) (end - text)) : NULL;
        *ret_log = end && end[1] ? strdup(end + 1) : NULL;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_QEMU_FAILED;
}
