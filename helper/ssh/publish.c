#include "helper/ssh/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/why.h"
#include "helper/ssh/ports.h"

/* Binds the port as ssh will in a moment. 0, negative errno. */
static int try_bind(const PortForward *f) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t) f->host_port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) f->host_port) };
        bool ipv6 = inet_pton(AF_INET6, f->address, &v6.sin6_addr) == 1;
        _cleanup_close_ int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;

        if (fd < 0 || (!ipv6 && inet_pton(AF_INET, f->address, &v4.sin_addr) != 1) ||
                        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
                        bind(fd, ipv6 ? (const struct sockaddr *) &v6 : (const struct sockaddr *) &v4,
                                        ipv6 ? sizeof(v6) : sizeof(v4)) < 0 ||
                        listen(fd, 1) < 0)
                return -errno;
        return 0;
}

int publish_prepare(const char *vm_dir, const Parameters *p, char **ret_why) {
        PortList list = {};
        int r;

        for (unsigned i = 0; i < p->n_publish; i++) {
                char text[PORT_FORWARD_TEXT_MAX];

                r = try_bind(&p->publish[i]);
                if (r < 0) {
                        port_forward_print(&p->publish[i], text);
                        return why_say(ret_why, -EADDRINUSE,
                                        "Publish=%s: the host's port %u cannot be used: %s. Change the ini, or end what uses it; see: ss -ltnp sport = :%u",
                                        text, p->publish[i].host_port, strerror(-r),
                                        p->publish[i].host_port);
                }
                list.items[list.n++] = (PortEntry) { .from_ini = true, .forward = p->publish[i] };
        }
        return ports_write(vm_dir, &list);
}
