#include "helper/net/proxy-names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/unix-socket.h"
#include "helper/net/client.h"
#include "helper/net/proxy-config.h"

/* It answers at once, or it is stuck. */
static const struct timeval patience = { .tv_sec = 2 };

static int connect_to(const char *directory) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_free_ char *path = strjoin(directory, "/" NET_PROXY_ADMIN, NULL);
        int r;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
                        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        r = path ? unix_connect(fd, path) : -ENOMEM;
        return r < 0 ? r : TAKE_FD(fd);
}

/* A connection a command: haproxy hangs up after its answer, which is empty when all is well. */
static int command(const char *directory, const char *verb, const char *name, size_t n) {
        _cleanup_close_ int fd = connect_to(directory);
        char text[512];
        ssize_t size;
        int length;

        if (fd < 0)
                return fd;
        length = snprintf(text, sizeof(text), "%s acl " PROXY_NAMES_PATH " %.*s\n", verb, (int) n, name);
        if ((size_t) length >= sizeof(text))
                return -EINVAL;
        if (send(fd, text, (size_t) length, MSG_NOSIGNAL) < 0)
                return -errno;
        size = recv(fd, text, sizeof(text) - 1, 0);
        if (size < 0)
                return -errno;
        return size > 1 ? -EPROTO : 0;
}

static bool has_line(const char *text, const char *line, size_t n) {
        for (; *text; text += strcspn(text, "\n") + 1)
                if (strncmp(text, line, n) == 0 && text[n] == '\n')
                        return true;
        return false;
}

/* Commands for the lines of one text that the other has not. */
static int change(const char *directory, const char *verb, const char *text, const char *other) {
        int r = 0;

        for (size_t n; r >= 0 && *text; text += n + 1) {
                n = strcspn(text, "\n");
                if (!has_line(other, text, n))
                        r = command(directory, verb, text, n);
        }
        return r;
}

int proxy_names_change(const char *directory, const char *from, const char *to) {
        int r = change(directory, "del", from, to);

        return r < 0 ? r : change(directory, "add", to, from);
}
