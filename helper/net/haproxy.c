/* The keys are in the environment of haproxy, which this user can read as the files that they are from, and
 * in no file and no argument. Those of claude-run's environment are kept by systemd, in memory, for a
 * haproxy that is started again. */

#include "helper/net/haproxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/memory-file.h"
#include "common/settings.h"
#include "common/strv.h"
#include "common/unix-socket.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "helper/foreground-mode.h"
#include "helper/log.h"
#include "helper/net/addresses.h"
#include "helper/net/client.h"
#include "helper/net/namespace.h"
#include "helper/net/proxy-config.h"
#include "helper/parameters.h"
#include "helper/request/secrets.h"
#include "helper/sandbox/child-environment.h"
#include "helper/sandbox/sandbox.h"

#define SECRETS_MAX (256U * 1024U)
#define CA_MAX (8U * 1024U * 1024U)

typedef struct Haproxy {
        const HaproxyConfig *config;
        const char *id;
        char *const *variables;
        ProxyConfig proxy;
        char **environment; /* with the keys */
        char *text, *ca, *names;
        char *own; /* its directory */
        int admin_fd, log_fd;
} Haproxy;

/* --- keys ------------------------------------------------------------------------------ */

/* A header has no control characters, and none of the keys that exist has another one than these. */
static int check_key(const char *assignment, char **ret_why) {
        const char *value = strchr(assignment, '=') + 1;

        if (!*value)
                return why_say(ret_why, -EINVAL, "The credential %.*s is empty",
                                (int) (value - assignment - 1), assignment);
        for (; *value; value++)
                if (*value <= ' ' || *value > '~')
                        return why_say(ret_why, -EINVAL,
                                        "The credential %.*s is no API key: it has a blank, a line end or another character that no key has",
                                        (int) strcspn(assignment, "="), assignment);
        return 0;
}

static int add_keys(Haproxy *h, int fd, char **ret_why) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        r = whole_file_read_fd(fd, SECRETS_MAX, &text, &size);
        for (const char *s = text; r >= 0 && s && s < text + size; s += strlen(s) + 1) {
                r = check_key(s, ret_why);
                if (r >= 0)
                        r = strv_append(&h->environment, s);
        }
        if (text)
                explicit_bzero(text, size);
        return r;
}

static int write_keys(const Haproxy *h, char *const *encrypted, int fd, char **ret_why) {
        const Secrets secrets = {
                .secrets_dir = h->config->secrets_dir,
                .encrypted = encrypted,
                .systemd_creds = h->config->systemd_creds,
                .caller = strv_value(h->variables, PARAMETER_CALLER_CREDENTIALS) ?: "",
                .runtime_dir = h->config->runtime_dir,
                .id = h->id,
        };
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3), r;
        FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

        if (!f) {
                if (copy >= 0)
                        close(copy);
                return -errno;
        }
        r = secrets_write(f, &secrets, ret_why);
        return fclose(f) != 0 && r >= 0 ? -ENOMEM : r;
}

static int make_keys(const Haproxy *h, char **ret_why) {
        _cleanup_close_ int fd = memory_file("keys");
        _cleanup_strv_free_ char **encrypted = NULL;
        int r = fd < 0 ? fd : parameters_read_encrypted(h->variables, &encrypted);

        if (r >= 0)
                r = write_keys(h, encrypted, fd, ret_why);
        if (r >= 0 && strv_value(h->variables, PARAMETER_CALLER_CREDENTIALS))
                r = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=keys", &fd, 1);
        return r < 0 ? r : TAKE_FD(fd);
}

static int read_keys(Haproxy *h, char **ret_why) {
        _cleanup_close_ int fd = sd_listen_fds(0) > 0 ? SD_LISTEN_FDS_START : make_keys(h, ret_why);

        return fd < 0 ? fd : add_keys(h, fd, ret_why);
}

static int read_api(Haproxy *h, char **ret_why) {
        const char *url = strv_value(h->variables, PARAMETER_API_UPSTREAM),
                   *agent = strv_value(h->variables, settings[SETTING_AGENT].variable),
                   *budget = strv_value(h->variables, settings[SETTING_BUDGET].variable);
        char why[API_WHY_MAX], budget_why[SETTING_WHY_MAX];

        if (!url)
                return 0;
        h->proxy.api = api_find(agent ?: "");
        h->proxy.keys = strv_value(h->variables, PARAMETER_API_KEYS) ?: "";
        if (!h->proxy.api)
                return why_say(ret_why, -EINVAL, "The API of the agent '%s' is not known", agent ?: "");
        if (api_upstream_parse(url, &h->proxy.upstream, why) < 0)
                return why_say(ret_why, -EINVAL, PARAMETER_API_UPSTREAM "=%s in the unit: %s", url, why);
        if (budget && setting_check(&settings[SETTING_BUDGET], budget, budget_why) < 0)
                return why_say(ret_why, -EINVAL, "Budget=%s: %s", budget, budget_why);
        h->proxy.budget = budget ? (unsigned) strtoul(budget, NULL, 10) : 0;
        return read_keys(h, ret_why);
}

/* --- what it is given ------------------------------------------------------------------- */

/* The distributions have the certificates of the authorities in one of these. */
static int read_ca(char **ret) {
        static const char *const paths[] = { "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };
        int r = -ENOENT;

        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(paths); i++)
                r = whole_file_read(paths[i], CA_MAX, ret);
        return r;
}

static int print_config(Haproxy *h) {
        size_t size;
        FILE *f = open_memstream(&h->text, &size);

        if (!f)
                return -ENOMEM;
        proxy_config_print(f, &h->proxy);
        return fclose(f) != 0 ? -ENOMEM : 0;
}

static int listen_for_admin(Haproxy *h) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        _cleanup_free_ char *path = net_path(h->config->runtime_dir, h->id, NET_PROXY_ADMIN);
        int r;

        if (fd < 0)
                return -errno;
        r = path ? unix_bind(fd, path) : -ENOMEM;
        if (r < 0)
                return r;
        if (listen(fd, 8) < 0)
                return -errno;
        h->admin_fd = TAKE_FD(fd);
        return 0;
}

static int enter_sandbox(const Haproxy *h) {
        _cleanup_free_ char *point = net_path(h->config->runtime_dir, h->id, "root");
        const char *const texts[] = { PROXY_CONFIG_PATH, h->text, PROXY_NAMES_PATH, h->names, PROXY_CA_PATH,
                h->ca, NULL };

        if (!point)
                return -ENOMEM;
        return sandbox_enter_tool(&(ToolSandbox) {
                        .point = point,
                        .directory = h->own,
                        .program = h->config->haproxy,
                        .texts = texts,
        });
}

static int prepare(Haproxy *h) {
        int log[NET_FDS_MAX], r;

        h->own = net_path(h->config->runtime_dir, h->id, "proxy");
        r = h->own ? directory_make(h->own) : -ENOMEM;
        if (r >= 0)
                r = read_ca(&h->ca);
        if (r == -ENOENT) /* without certificates no TLS is trusted */
                r = (h->ca = strdup("")) ? 0 : -ENOMEM;
        if (r >= 0)
                r = print_config(h);
        if (r >= 0)
                r = listen_for_admin(h);
        if (r >= 0)
                r = net_request_fds(h->config->runtime_dir, h->id, "proxy-log", log, NULL);
        if (r >= 0) {
                h->log_fd = log[0];
                r = net_request_text(h->config->runtime_dir, h->id, "tls-names", &h->names);
        }
        /* the word of the answer, for it may have no name */
        if (r >= 0)
                memmove(h->names, h->names + strcspn(h->names, "\n") + 1,
                                strlen(h->names + strcspn(h->names, "\n") + 1) + 1);
        return r;
}

static int confine(const Haproxy *h) {
        int namespaces[NET_FDS_MAX],
                        r = net_request_fds(h->config->runtime_dir, h->id, "namespaces", namespaces, NULL);

        if (r >= 0)
                r = net_namespace_join(namespaces[0], namespaces[1]);
        if (r >= 0)
                r = log_hold_notify();
        if (r >= 0)
                r = enter_sandbox(h);
        if (r >= 0)
                r = net_namespace_drop_capabilities(false);
        return r;
}

static int hand_over(const Haproxy *h) {
        /* first out of the way of the numbers that they get */
        int log = fcntl(h->log_fd, F_DUPFD_CLOEXEC, 10), admin = fcntl(h->admin_fd, F_DUPFD_CLOEXEC, 10);

        if (log < 0 || admin < 0)
                return -errno;
        return dup2(admin, PROXY_ADMIN_FD) < 0 || dup2(log, STDOUT_FILENO) < 0 ? -errno : 0;
}

static int fail(const HaproxyConfig *config, const char *why, int error) {
        if (why)
                log_status(LOG_ERR, "%s", why);
        else if (access(config->haproxy, X_OK) < 0)
                log_status(LOG_ERR,
                                "The program '%s' is missing, which keeps the API key on the host and filters names: install haproxy, or set ApiProxy=no",
                                config->haproxy);
        else
                log_status(LOG_ERR, "Failed to run '%s': %s", config->haproxy, strerror(-error));
        return EXIT_CONFIGURATION;
}

int net_become_haproxy(const HaproxyConfig *config, const char *id, char *const *variables) {
        static const char *const nothing[] = { NULL };
        char *argv[] = { (char *) config->haproxy, (char *) "-db", (char *) "-f", (char *) PROXY_CONFIG_PATH,
                NULL };
        Haproxy h = { .config = config, .id = id, .variables = variables };
        _cleanup_free_ char *why = NULL;
        int r = access(config->haproxy, X_OK) < 0 ? -ENOENT : child_environment(nothing, &h.environment);

        if (r >= 0)
                r = read_api(&h, &why);
        if (r >= 0)
                r = prepare(&h);
        if (r >= 0)
                r = confine(&h);
        if (r >= 0)
                r = hand_over(&h);
        if (r >= 0) {
                /* all but what haproxy does: its sockets listen once it has read its configuration */
                log_notify("READY=1");
                foreground_bind();
                execve(config->haproxy, argv, h.environment);
                r = -errno;
        }
        /* this process ends, and what `h` holds with it */
        return fail(config, why, r);
}
