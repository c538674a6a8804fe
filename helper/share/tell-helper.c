#include "helper/share/tell-helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"

void tell_helper(const char *runtime_dir, const char *id, const char *message) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 ||
                        (size_t) snprintf(address.sun_path, sizeof(address.sun_path),
                                        "%s/claude-vm/%s/control", runtime_dir,
                                        id) >= sizeof(address.sun_path))
                return;
        (void) sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *) &address,
                        sizeof(address));
}
