/* The message goes to the socket `control` in the VM's directory, and one end of a pair goes with it: the
 * reply comes back through that, and its end is the end of the helper. */

#include "helper/suspend/request.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/runtime-path.h"
#include "common/unix-socket.h"

#define WAITING_MSEC 200

static int send_request(const char *runtime_dir, const char *id, const char *text, int reply_fd) {
        _cleanup_free_ char *path = runtime_path_vm_file(runtime_dir, id, "control");
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r;

        if (!path)
                return -ENOMEM;
        if (fd < 0)
                return -errno;
        r = unix_connect(fd, path);
        return r < 0 ? r : unix_send_text_fd(fd, text, reply_fd);
}

/* Until there is something to read, or the other end is closed. */
static int wait_for_reply(int fd, suspend_waiting waiting, void *userdata) {
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };
        int r;

        while ((r = poll(&pollfd, 1, WAITING_MSEC)) == 0)
                if (!waiting(userdata))
                        return -ETIMEDOUT;
        return r < 0 ? -errno : 0;
}

static int request(const char *runtime_dir, const char *id, const char *text, suspend_waiting waiting,
                void *userdata, char **ret_why) {
        _cleanup_close_ int ours = -EBADF;
        char reply[SUSPEND_REPLY_MAX];
        int pair[2], r;
        ssize_t n;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        r = send_request(runtime_dir, id, text, pair[1]);
        close(pair[1]);
        if (r >= 0 && waiting)
                r = wait_for_reply(ours, waiting, userdata);
        if (r < 0)
                return r;
        n = recv(ours, reply, sizeof(reply) - 1, 0);
        if (n < 0)
                return -errno;
        reply[n] = '\0';
        if (n == 0)
                return -ECONNRESET;
        if (strcmp(reply, SUSPEND_DONE) == 0)
                return 0;
        *ret_why = printable_copy(reply);
        return *ret_why ? -EBUSY : -ENOMEM;
}

int suspend_request(const char *runtime_dir, const char *id, suspend_waiting waiting, void *userdata,
                char **ret_why) {
        return request(runtime_dir, id, "SUSPEND", waiting, userdata, ret_why);
}

int memory_request(const char *runtime_dir, const char *id, uint64_t mib, char **ret_why) {
        char text[64];

        snprintf(text, sizeof(text), "MEMORY=%" PRIu64, mib);
        return request(runtime_dir, id, text, NULL, NULL, ret_why);
}
