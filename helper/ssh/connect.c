#include "helper/ssh/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/unix-socket.h"
#include "common/vm-name.h"
#include "helper/log.h"
#include "helper/net/client.h"

/* A connection that has begun: until it is there, and the descriptor waits as ssh expects. */
static int finish(int fd) {
        struct pollfd p = { fd, POLLOUT, 0 };
        int error = 0, flags = fcntl(fd, F_GETFL);
        socklen_t size = sizeof(error);
        const int on = 1;

        while (poll(&p, 1, -1) < 0)
                if (errno != EINTR)
                        return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                return -errno;
        if (error != 0)
                return -error;
        /* keys are small packets */
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
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

/* NAME, claude-vm.NAME or claude-vm/NAME, as ssh's configuration has it. */
static const char *id_of_host(const char *host) {
        size_t n = strlen("claude-vm");

        return strncmp(host, "claude-vm", n) == 0 && (host[n] == '.' || host[n] == '/') ? host + n + 1
                                                                                        : host;
}

int connect_run(const char *runtime_dir, const char *host) {
        _cleanup_close_ int fd = -EBADF;
        const char *id = id_of_host(host);
        struct stat st;
        int r;

        if (!vm_name_is_id(id)) {
                log_message(LOG_ERR, "'%s' is not a VM", id);
                return EXIT_CONFIGURATION;
        }
        r = fd = net_connect_ssh(runtime_dir, id);
        if (r == -ENOENT || r == -ECONNREFUSED) {
                log_message(LOG_ERR,
                                "VM '%s' is not running; to start it: systemctl --user start claude-vm@%s; which there are says: claude-run list",
                                id, id);
                return EXIT_FAILURE;
        }
        if (r >= 0)
                r = finish(fd);
        if (r >= 0)
                r = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode)
                                ? unix_send_fds(STDOUT_FILENO, &fd, 1, MSG_NOSIGNAL)
                                : copy_both(fd);
        if (r < 0)
                log_message(LOG_ERR, "Failed to connect to VM '%s': %s", id, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
