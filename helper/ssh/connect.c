#include "helper/ssh/connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "helper/log.h"

#define ADDRESS_MAX 256U

static int connect_tcp(const char *host, unsigned port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;

        if (fd < 0)
                return -errno;
        if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
                return -EINVAL;
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        /* keys are small packets */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return TAKE_FD(fd);
}

static int connect_path(int fd, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if ((size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
                        sizeof(address.sun_path))
                return -ENAMETOOLONG;
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

/* QEMU makes the socket, and a guest may have taken QEMU over: a link in its place is not followed, because
 * it could lead to any socket of this user's. The master's root directory has no /proc, and nothing that a
 * link could lead to. */
static int connect_unix(const char *vm_dir, const char *name) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), file = -EBADF;
        _cleanup_free_ char *path = strjoin(vm_dir, "/qemu/", name, NULL);
        char opened[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        struct stat st;
        int r;

        if (fd < 0 || !path)
                return fd < 0 ? -errno : -ENOMEM;
        file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (file < 0 || fstat(file, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        snprintf(opened, sizeof(opened), "/proc/self/fd/%d", file);
        r = connect_path(fd, access("/proc/self", F_OK) == 0 ? opened : path);
        return r < 0 ? r : TAKE_FD(fd);
}

int connect_parse(const char *text, ConnectAddress *ret) {
        ConnectAddress a = {};
        struct in_addr address;

        if (sscanf(text, "tcp %15[0-9.] %u", a.host, &a.port) == 2) {
                if (a.port == 0 || a.port > 65535 || inet_pton(AF_INET, a.host, &address) != 1)
                        return -EINVAL;
        } else if (sscanf(text, "unix %31[a-z.]", a.name) != 1 || a.name[0] == '.')
                return -EINVAL;
        else
                a.host[0] = '\0';
        *ret = a;
        return 0;
}

static int connect_address(const char *vm_dir, const char *text) {
        ConnectAddress a;
        int r = connect_parse(text, &a);

        if (r < 0)
                return r;
        return a.host[0] ? connect_tcp(a.host, a.port) : connect_unix(vm_dir, a.name);
}

static int pass_fd(int fd) {
        char control[CMSG_SPACE(sizeof(int))] = {};
        struct iovec byte = { .iov_base = (char[]) { 0 }, .iov_len = 1 };
        struct msghdr message = {
                .msg_iov = &byte,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
        return sendmsg(STDOUT_FILENO, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                data += n;
                size -= (size_t) n;
        }
        return true;
}

/* Copies what is there from one side to the other. Returns false when either has ended. */
static bool copy_once(int from, int to) {
        char buffer[16384];
        ssize_t n = read(from, buffer, sizeof(buffer));

        return n > 0 && write_all(to, buffer, (size_t) n);
}

/* Until both directions have ended; ssh's end closes the guest's half only. */
static int copy_both(int fd) {
        struct pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { fd, POLLIN, 0 } };

        for (;;) {
                if (poll(fds, 2, -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents && !copy_once(STDIN_FILENO, fd)) {
                        shutdown(fd, SHUT_WR);
                        fds[0].fd = -1;
                        fds[0].revents = 0;
                }
                if (fds[1].revents && !copy_once(fd, STDOUT_FILENO))
                        return 0;
        }
}

static int read_address(const char *vm_dir, char **ret) {
        _cleanup_free_ char *path = strjoin(vm_dir, "/ssh.address", NULL);

        return path ? whole_file_read(path, ADDRESS_MAX, ret) : -ENOMEM;
}

/* NAME, claude-vm.NAME or claude-vm/NAME, as ssh's configuration has it. */
static const char *id_of_host(const char *host) {
        size_t n = strlen("claude-vm");

        return strncmp(host, "claude-vm", n) == 0 && (host[n] == '.' || host[n] == '/') ? host + n + 1
                                                                                        : host;
}

int connect_run(const char *runtime_dir, const char *host) {
        _cleanup_free_ char *vm_dir = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *id = id_of_host(host);
        struct stat st;
        int r;

        if (!vm_name_is_id(id)) {
                log_message(LOG_ERR, "'%s' is not a VM", id);
                return EXIT_CONFIGURATION;
        }
        vm_dir = runtime_path_vm(runtime_dir, id);
        if (!vm_dir)
                return EXIT_FAILURE;
        r = read_address(vm_dir, &text);
        if (r == -ENOENT) {
                log_message(LOG_ERR,
                                "VM '%s' is not running; to start it: systemctl --user start claude-vm@%s",
                                id, id);
                return EXIT_FAILURE;
        }
        if (r >= 0)
                r = fd = connect_address(vm_dir, text);
        if (r >= 0)
                r = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode) ? pass_fd(fd) : copy_both(fd);
        if (r < 0)
                log_message(LOG_ERR, "Failed to connect to VM '%s': %s", id, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
