#include "common/unix-socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int make_address(const char *path, struct sockaddr_un *ret) {
        if (strlen(path) >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        strcpy(ret->sun_path, path);
        return 0;
}

int unix_connect(int fd, const char *path) {
        struct sockaddr_un address;
        int r = make_address(path, &address);

        if (r < 0)
                return r;
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

int unix_bind(int fd, const char *path) {
        struct sockaddr_un address;
        int r = make_address(path, &address);

        if (r < 0)
                return r;
        unlink(path);
        return bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

static int send_message(int fd, struct iovec iov, const int fds[], size_t n, int flags) {
        union {
                char bytes[CMSG_SPACE(UNIX_FDS_MAX * sizeof(int))];
                struct cmsghdr align;
        } control = {};
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = CMSG_SPACE(n * sizeof(int)),
        };
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
        ssize_t sent;

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
        sent = sendmsg(fd, &message, flags);
        return sent < 0 ? -errno : (size_t) sent < iov.iov_len ? -EAGAIN : 0;
}

int unix_send_fds(int fd, const int fds[], size_t n, int flags) {
        return send_message(fd, (struct iovec) { .iov_base = (char[]) { 0 }, .iov_len = 1 }, fds, n, flags);
}

int unix_send_text_fd(int fd, const char *text, int passed_fd) {
        return send_message(fd, (struct iovec) { .iov_base = (char *) text, .iov_len = strlen(text) },
                        &passed_fd, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}
