/* The host's port that leads to the guest's sshd. */

#include <stdio.h>
#include <string.h>

#include "helper/log.h"
#include "helper/ssh/files.h"
#include "helper/vm/vm.h"

static void forward_failed(const char *why) {
        log_message(LOG_ERR, "QEMU forwards no port for sessions: %s", why);
}

unsigned vm_parse_usernet(const char *table) {
        static const char row[] = "TCP[HOST_FORWARD]";
        const char *p = strstr(table, row);
        unsigned port = 0, guest_port = 0;

        if (!p || sscanf(p + strlen(row), "%*d %*15[0-9.] %u %*15[0-9.] %u", &port, &guest_port) != 2 ||
                        guest_port != 22 || port > 65535)
                return 0;
        return port;
}

static void on_usernet(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        char address[64];
        unsigned port = 0;
        int r;

        if (result && sd_json_variant_is_string(result))
                port = vm_parse_usernet(sd_json_variant_string(result));
        if (port == 0) {
                forward_failed(error ?: "it does not name the port");
                return;
        }
        snprintf(address, sizeof(address), "tcp 127.0.0.1 %u", port);
        r = ssh_files_write_address(vm->config->vm_dir, address);
        if (r < 0)
                forward_failed(strerror(-r));
}

static void on_forward_tcp(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        const char *text = result && sd_json_variant_is_string(result) ? sd_json_variant_string(result) : "";

        if (error || text[0])
                forward_failed(error ?: text);
        else if (qmp_execute(vm->qmp, "human-monitor-command", "command-line", "info usernet", on_usernet) <
                        0)
                forward_failed("it takes no command");
}

static void on_forward_unix(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        const char *text = result && sd_json_variant_is_string(result) ? sd_json_variant_string(result) : "";
        int r;

        if (error || text[0]) {
                forward_failed(error ?: text);
                return;
        }
        r = ssh_files_write_address(vm->config->vm_dir, "unix ssh.sock");
        if (r < 0)
                forward_failed(strerror(-r));
}

/* From QEMU 10.1 on a socket that only this user can open. It cuts a path at its first hyphen, so the
 * path is a bare name in QEMU's working directory. */
void vm_forward_ssh(Vm *vm, unsigned major, unsigned minor) {
        bool unix_socket = major > 10 || (major == 10 && minor >= 1);

        if (qmp_execute(vm->qmp, "human-monitor-command", "command-line",
                            unix_socket ? "hostfwd_add net0 unix:ssh.sock-:22"
                                        : "hostfwd_add net0 tcp:127.0.0.1:0-:22",
                            unix_socket ? on_forward_unix : on_forward_tcp) < 0)
                forward_failed("it takes no command");
}
