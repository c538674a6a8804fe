#include "publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "forward-list.h"
#include "log.h"
#include "parameters.h"
#include "sandbox.h"
#include "strv.h"
#include "vm-name.h"

/* As ssh will do it in a moment. 0, negative errno. */
static int try_bind(const Forward *f) {
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

int publish_prepare(const char *directory, const Parameters *p, char **ret_why) {
        ForwardList list = {};
        int r;

        for (unsigned i = 0; i < p->n_publish; i++) {
                char text[FORWARD_TEXT_MAX];

                r = try_bind(&p->publish[i]);
                if (r < 0) {
                        forward_print(&p->publish[i], text);
                        if (asprintf(ret_why,
                                            "Publish=%s: the host's port %u cannot be used: %s. Change the "
                                            "ini, or end what uses it; see: ss -ltnp sport = :%u",
                                            text, p->publish[i].host_port, strerror(-r),
                                            p->publish[i].host_port) < 0)
                                *ret_why = NULL;
                        return -EADDRINUSE;
                }
                list.items[list.n++] = (ForwardEntry) { .from_ini = true, .forward = p->publish[i] };
        }
        return forward_list_write(directory, &list);
}

int publish_exec_master(const char *ssh, const char *runtime_dir, const char *id) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *directory = NULL, *control = NULL;
        char text[FORWARD_TEXT_MAX + 16];
        ForwardList list;
        int r;

        if (!vm_name_is_id(id)) {
                log_message(LOG_ERR, "'%s' is no VM", id);
                return EXIT_CONFIGURATION;
        }
        log_set_vm(id, "");
        if (asprintf(&directory, "%s/claude-vm/%s", runtime_dir, id) < 0) {
                directory = NULL;
                return EXIT_FAILURE;
        }
        /* of a master that was killed: ssh would not replace it */
        if (asprintf(&control, "%s/ssh.control", directory) < 0) {
                control = NULL;
                return EXIT_FAILURE;
        }
        unlink(control);
        r = forward_list_read(directory, &list);
        if (r < 0) {
                log_message(LOG_ERR, "Failed to read '%s/ports': %s", directory, strerror(-r));
                list.n = 0;
        }
        r = strv_append(&argv, ssh);
        r |= strv_append(&argv, "-F");
        r |= strv_appendf(&argv, "%s/ssh.config", directory);
        r |= strv_append(&argv, "-o");
        r |= strv_append(&argv, "ControlMaster=yes");
        /* a stalled guest ends its sessions after two minutes instead of never */
        r |= strv_append(&argv, "-o");
        r |= strv_append(&argv, "ServerAliveInterval=20");
        r |= strv_append(&argv, "-o");
        r |= strv_append(&argv, "ServerAliveCountMax=6");
        for (size_t i = 0; i < list.n; i++) {
                forward_entry_print(&list.items[i], text);
                r |= strv_append(&argv, list.items[i].reverse ? "-R" : "-L");
                r |= strv_append(&argv, text);
        }
        r |= strv_append(&argv, "-N");
        r |= strv_append(&argv, "-f");
        r |= strv_append(&argv, "claude-vm");
        /* for the ProxyCommand: the user's own shell would read its start-up files, which are out of reach
         */
        if (r >= 0 && setenv("SHELL", "/bin/sh", 1) < 0)
                r = -errno;
        if (r >= 0)
                r = sandbox_enter_ssh(directory);
        if (r >= 0) {
                execv(ssh, argv);
                r = -errno;
        }
        log_message(LOG_ERR, "Failed to run '%s': %s", ssh, strerror(-r));
        return EXIT_FAILURE;
}
