#include "helper/ssh/master.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/runtime-path.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "config.h"
#include "helper/log.h"
#include "helper/net/client.h"
#include "helper/sandbox/child-environment.h"
#include "helper/sandbox/sandbox.h"
#include "helper/ssh/ports.h"

/* The user's ssh agent, which the drop-in of this unit lends to the VM; NULL: none. Says why there is none.
 */
static const char *find_agent(const char *id) {
        const char *lends = getenv(settings[SETTING_AGENT_FORWARD].variable),
                   *path = getenv("SSH_AUTH_SOCK");
        const char *why = !path                  ? "the user manager does not know it"
                        : *path != '/'           ? "its path is not absolute"
                        : strchr(path, ':')      ? "its path has a colon"
                        : access(path, F_OK) < 0 ? "its socket is gone"
                                                 : NULL;

        if (!lends || strcmp(lends, "yes") != 0)
                return NULL;
        if (!why)
                return path;
        log_message(LOG_WARNING,
                        "AgentForward=yes, but the VM has no ssh agent: %s. Run: systemctl --user import-environment SSH_AUTH_SOCK; "
                        "systemctl --user restart claude-vm-ssh@%s",
                        why, id);
        return NULL;
}

/* What the guest reaches of this machine through its ssh master: sockets, NULL for those that it may not. */
typedef struct Lent {
        const char *agent;
        char *clipboard; /* owned */
} Lent;

static void lent_done(Lent *lent) {
        free(lent->clipboard);
}

/* The clipboard's socket, if the drop-in of this unit has a word of it. */
static int find_clipboard(const char *runtime_dir, const char *id, char **ret) {
        const char *lends = getenv(settings[SETTING_CLIPBOARD].variable);

        if (!lends || strcmp(lends, "image") != 0)
                return 0;
        *ret = runtime_path_clipboard(runtime_dir, id);
        return *ret ? 0 : -ENOMEM;
}

static int add_socket(char ***argv, const char *guest, const char *socket) {
        _cleanup_free_ char *forward = socket ? strjoin(guest, ":", socket, NULL) : NULL;

        if (!socket)
                return 0;
        return forward ? strv_extend(argv, "-R", forward, NULL) : -ENOMEM;
}

/* ssh's command line: a connection in the background that every session is a channel of. */
static int master_argv(
                const char *ssh, const char *vm_dir, const PortList *list, const Lent *lent, char ***ret) {
        _cleanup_free_ char *config = strjoin(vm_dir, "/ssh.config", NULL);
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        if (!config)
                return -ENOMEM;
        r = strv_extend(&argv, ssh, "-F", config, "-o", "ControlMaster=yes",
                        /* a stalled guest ends its sessions after two minutes instead of never */
                        "-o", "ServerAliveInterval=20", "-o", "ServerAliveCountMax=6", NULL);
        for (size_t i = 0; r >= 0 && i < list->n; i++) {
                char text[PORT_FORWARD_TEXT_MAX + 16];

                ports_print_entry(&list->items[i], text);
                r = strv_extend(&argv, list->items[i].reverse ? "-R" : "-L", text, NULL);
        }
        if (r >= 0)
                r = add_socket(&argv, GUEST_SSH_AGENT, lent->agent);
        if (r >= 0)
                r = add_socket(&argv, GUEST_CLIPBOARD, lent->clipboard);
        if (r >= 0)
                r = strv_extend(&argv, "-N", "-f", "claude-vm", NULL);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* The master's own directory, the socket that connects it to its guest, and those that it lends. */
static int enter_sandbox(const char *ssh, const char *vm_dir, const char *socket, const Lent *lent) {
        static const char *const names[] = { "ssh.config", "ssh.key", "ssh.known_hosts" };
        _cleanup_free_ char *point = strjoin(vm_dir, "/root", NULL), *own = strjoin(vm_dir, "/ssh", NULL);
        char *files[ELEMENTSOF(names) + 1] = {};
        int r = point && own ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
                files[i] = strjoin(vm_dir, "/", names[i], NULL);
                r = files[i] ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = directory_make(own);
        if (r >= 0)
                r = directory_make(point);
        if (r >= 0)
                r = sandbox_enter_ssh(&(SshSandbox) {
                                .point = point,
                                .ssh = ssh,
                                .helper = HELPER_PATH,
                                .directory = own,
                                .sockets = { socket, lent->agent, lent->clipboard },
                                .files = (const char *const *) files,
                });
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                free(files[i]);
        return r;
}

/* Returns only if it fails: negative errno. */
static int become_ssh(
                const char *ssh, const char *vm_dir, const char *socket, const Lent *lent, char **argv) {
        static const char *const variables[] = { "SHELL", "XDG_RUNTIME_DIR", NULL };
        _cleanup_strv_free_ char **environment = NULL;
        int r;

        /* for the ProxyCommand: the user's own shell would read its start-up files, which are out of reach
         */
        if (setenv("SHELL", "/bin/sh", 1) < 0)
                return -errno;
        r = child_environment(variables, &environment);
        if (r >= 0)
                r = enter_sandbox(ssh, vm_dir, socket, lent);
        if (r < 0)
                return r;
        execve(ssh, argv, environment);
        return -errno;
}

/* That left by a master that was killed; ssh would not replace it. */
static int remove_control(const char *vm_dir) {
        _cleanup_free_ char *control = strjoin(vm_dir, "/ssh/control", NULL);

        if (!control)
                return -ENOMEM;
        return unlink(control) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

static void read_list(const char *vm_dir, PortList *ret) {
        int r = ports_read(vm_dir, ret);

        if (r >= 0)
                return;
        log_message(LOG_ERR, "Failed to read '%s/ports': %s", vm_dir, strerror(-r));
        ret->n = 0;
}

int master_exec(const char *ssh, const char *runtime_dir, const char *id) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *vm_dir = NULL, *socket = net_path(runtime_dir, id, "ssh");
        _cleanup_(lent_done) Lent lent = {};
        PortList list;
        int r;

        if (!vm_name_is_id(id)) {
                log_message(LOG_ERR, "'%s' is not a VM", id);
                return EXIT_CONFIGURATION;
        }
        log_set_vm(id, "");
        vm_dir = runtime_path_vm(runtime_dir, id);
        lent.agent = find_agent(id);
        r = vm_dir && socket ? remove_control(vm_dir) : -ENOMEM;
        if (r >= 0)
                r = find_clipboard(runtime_dir, id, &lent.clipboard);
        if (r >= 0) {
                read_list(vm_dir, &list);
                r = master_argv(ssh, vm_dir, &list, &lent, &argv);
        }
        if (r >= 0)
                r = become_ssh(ssh, vm_dir, socket, &lent, argv);
        if (r == -EUSERS)
                log_status(LOG_ERR,
                                "This kernel gives ordinary users no namespaces, which ssh is confined with; see: claude-run doctor");
        else
                log_status(LOG_ERR, "Failed to run '%s': %s", ssh, strerror(-r));
        return EXIT_FAILURE;
}
