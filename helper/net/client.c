#include "helper/net/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/unix-socket.h"
#include "helper/net/addresses.h"
#include "helper/net/text-answer.h"

char *net_path(const char *runtime_dir, const char *id, const char *name) {
        return strjoin(runtime_dir, NET_RUNTIME, id, "/", name, NULL);
}

static int connect_to(const char *runtime_dir, const char *id, const char *name) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        _cleanup_free_ char *path = net_path(runtime_dir, id, name);
        int r;

        if (fd < 0)
                return -errno;
        r = path ? unix_connect(fd, path) : -ENOMEM;
        return r < 0 ? r : TAKE_FD(fd);
}

/* Sends the question. The connection, from which the answer is to be read. */
static int ask(const char *runtime_dir, const char *id, const char *name, const char *word) {
        _cleanup_close_ int fd = connect_to(runtime_dir, id, name);
        size_t size = strlen(word);

        if (fd < 0)
                return fd;
        if (size > NET_MESSAGE_MAX)
                return -EMSGSIZE;
        return send(fd, word, size, MSG_NOSIGNAL) < 0 ? -errno : TAKE_FD(fd);
}

static int take_fds(struct msghdr *message, int *ret) {
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);
        size_t n;

        if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                return 0;
        n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(ret, CMSG_DATA(cmsg), n * sizeof(int));
        return (int) n;
}

static void close_all(const int fds[], int n) {
        for (int i = 0; i < n; i++)
                close(fds[i]);
}

/* Receives one message with at most NET_FDS_MAX descriptors. Their number; -EMSGSIZE: it was cut. */
static int receive(int fd, char *text, size_t *size, int *ret_fds) {
        union {
                char bytes[CMSG_SPACE(NET_FDS_MAX * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { .iov_base = text, .iov_len = *size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes),
        };
        ssize_t n;
        int n_fds;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        n_fds = take_fds(&message, ret_fds);
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
                close_all(ret_fds, n_fds);
                return -EMSGSIZE;
        }
        *size = (size_t) n;
        return n == 0 ? -ECONNRESET : n_fds;
}

static int receive_fds(int fd, int ret[static NET_FDS_MAX]) {
        char text[8];
        size_t size = sizeof(text);
        int r = receive(fd, text, &size, ret);

        return r == 0 ? -EPROTO : r;
}

int net_request_fds(const char *runtime_dir, const char *id, const char *word, int ret[static NET_FDS_MAX],
                int *ret_connection) {
        _cleanup_close_ int fd = net_request(runtime_dir, id, word);
        int r = fd < 0 ? fd : receive_fds(fd, ret);

        if (r >= 0 && ret_connection)
                *ret_connection = TAKE_FD(fd);
        return r;
}

int net_request_text(const char *runtime_dir, const char *id, const char *word, char **ret) {
        _cleanup_close_ int fd = net_request(runtime_dir, id, word);
        _cleanup_free_ char *text = malloc(NET_MESSAGE_MAX + 1);
        size_t size = NET_MESSAGE_MAX;
        int fds[NET_FDS_MAX], r;

        if (fd < 0)
                return fd;
        r = text ? receive(fd, text, &size, fds) : -ENOMEM;
        if (r > 0) {
                int n = r;

                r = n == 1 ? text_answer_read(fds[0], ret) : -EPROTO;
                close_all(fds, n);
                return r;
        }
        if (r < 0)
                return r;
        text[size] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}

int net_request(const char *runtime_dir, const char *id, const char *word) {
        return ask(runtime_dir, id, "control", word);
}

pid_t net_holder_pid(const char *runtime_dir, const char *id) {
        _cleanup_close_ int fd = connect_to(runtime_dir, id, "control");
        socklen_t size = sizeof(struct ucred);
        struct ucred peer;

        if (fd < 0)
                return fd;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -errno : peer.pid;
}

int net_connect_ssh(const char *runtime_dir, const char *id) {
        _cleanup_close_ int fd = ask(runtime_dir, id, "ssh", "ssh");
        int fds[NET_FDS_MAX], r = fd < 0 ? fd : receive_fds(fd, fds);

        return r < 0 ? r : fds[0];
}
