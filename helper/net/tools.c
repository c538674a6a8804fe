#include "helper/net/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/strv.h"
#include "helper/foreground-mode.h"
#include "helper/log.h"
#include "helper/net/addresses.h"
#include "helper/net/client.h"
#include "helper/net/namespace.h"
#include "helper/sandbox/child-environment.h"
#include "helper/sandbox/sandbox.h"

static int fail(const char *program, const char *package, int error) {
        if (error == -ENOENT && access(program, X_OK) < 0)
                log_status(LOG_ERR, "The program '%s' is missing: install %s", program, package);
        else
                log_status(LOG_ERR, "Failed to run '%s': %s", program, strerror(-error));
        return EXIT_CONFIGURATION;
}

/* --- pasta ----------------------------------------------------------------------------- */

static int pasta_argv(const char *pasta, pid_t holder, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = strv_extend(&argv, pasta, "--foreground", "--quiet",
                        /* it configures its interface, and leaves the namespace alone that it has joined */
                        "--config-net", "--ns-ifname", NET_OUT,
                        /* guests have IPv4 */
                        "--ipv4-only", "--address", NET_OUTER, "--netmask", NET_OUTER_PREFIX, "--gateway",
                        NET_OUTER_GATEWAY,
                        /* by default it lends the host's loopback and the host's own address */
                        "--no-map-gw", "--map-guest-addr", "none", "--map-host-loopback", NET_OUTER_HOST,
                        /* and forwards ports in both directions */
                        "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
                        "--dns-forward", NET_OUTER_RESOLVER, NULL);

        /* a unit's end is systemd's to bring; in the foreground it goes with the namespace */
        if (r >= 0 && !foreground_mode())
                r = strv_append(&argv, "--no-netns-quit");
        if (r >= 0)
                r = strv_appendf(&argv, "--userns=/proc/%d/ns/user", holder);
        if (r >= 0)
                r = strv_appendf(&argv, "--netns=/proc/%d/ns/net", holder);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* pasta confines itself: an empty root directory, namespaces, a filter of system calls (passt(1)). */
int net_become_pasta(const char *pasta, const char *runtime_dir, const char *id) {
        static const char *const nothing[] = { NULL };
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        pid_t holder = net_holder_pid(runtime_dir, id);
        int r = holder < 0 ? holder : pasta_argv(pasta, holder, &argv);

        if (r >= 0)
                r = child_environment(nothing, &environment);
        if (r >= 0) {
                execve(pasta, argv, environment);
                r = -errno;
        }
        return fail(pasta, "passt", r);
}

/* --- dnsmasq --------------------------------------------------------------------------- */

static int enter_sandbox(const char *dnsmasq, const char *runtime_dir, const char *id, const char *config) {
        _cleanup_free_ char *point = net_path(runtime_dir, id, "root"),
                            *own = net_path(runtime_dir, id, "dns");
        /* it looks its user up, and stays the one that it is */
        const char *const texts[] = { "/etc/dnsmasq.conf", config, "/etc/passwd",
                "nobody:x:65534:65534::/:/bin/false\n", NULL };

        if (!point || !own)
                return -ENOMEM;
        return sandbox_enter_tool(&(ToolSandbox) {
                        .point = point,
                        .directory = own,
                        .program = dnsmasq,
                        .texts = texts,
        });
}

/* It may add addresses to the sets of allowed names, which takes the capability over this network. */
static int prepare_dnsmasq(const char *dnsmasq, const char *runtime_dir, const char *id) {
        int namespaces[NET_FDS_MAX], log[NET_FDS_MAX], r;
        _cleanup_free_ char *config = NULL;

        r = net_request_fds(runtime_dir, id, "namespaces", namespaces, NULL);
        if (r >= 0)
                r = net_request_fds(runtime_dir, id, "resolver-log", log, NULL);
        if (r >= 0)
                r = net_request_text(runtime_dir, id, "resolver", &config);
        if (r >= 0)
                r = net_namespace_join(namespaces[0], namespaces[1]);
        if (r >= 0)
                r = log_hold_notify();
        if (r >= 0)
                r = enter_sandbox(dnsmasq, runtime_dir, id, config);
        if (r >= 0)
                r = net_namespace_drop_capabilities(strstr(config, "nftset=") != NULL);
        /* last: what fails before is for the unit's own log */
        return r < 0 ? r : dup2(log[0], STDERR_FILENO) < 0 ? -errno : 0;
}

int net_become_dnsmasq(const char *dnsmasq, const char *runtime_dir, const char *id) {
        static const char *const nothing[] = { NULL };
        char *argv[] = { (char *) dnsmasq, (char *) "--keep-in-foreground",
                (char *) "--conf-file=/etc/dnsmasq.conf", NULL };
        _cleanup_strv_free_ char **environment = NULL;
        int r = access(dnsmasq, X_OK) < 0 ? -ENOENT : child_environment(nothing, &environment);

        if (r >= 0)
                r = prepare_dnsmasq(dnsmasq, runtime_dir, id);
        if (r >= 0) {
                foreground_bind();
                execve(dnsmasq, argv, environment);
                r = -errno;
        }
        return fail(dnsmasq, "dnsmasq-base", r);
}

/* systemd says which process is to answer, so that its end is one of the wait, too. */
int net_wait_for_dnsmasq(const char *runtime_dir, const char *id, pid_t pid) {
        _cleanup_close_ int fd = net_request(runtime_dir, id, "resolver-ready"),
                            process = pidfd_open(pid, 0);
        struct pollfd fds[] = { { fd, POLLIN, 0 }, { process, POLLIN, 0 } };
        char answer[8];

        if (fd >= 0 && process >= 0 && poll(fds, ELEMENTSOF(fds), -1) > 0 && fds[0].revents &&
                        recv(fd, answer, sizeof(answer), 0) > 0)
                return EXIT_SUCCESS;
        log_status(LOG_ERR, "%s has ended before names were answered",
                        fd < 0 || fds[0].revents ? "The network's holder" : "dnsmasq");
        return EXIT_FAILURE;
}
