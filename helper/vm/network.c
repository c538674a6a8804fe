/* The VM's network is another unit, claude-vm-net@ID.service, which is up before this one starts. */

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/why.h"
#include "helper/host/manager.h"
#include "helper/log.h"
#include "helper/net/client.h"
#include "helper/vm/vm.h"

/* Without it the guest has no way out and no session has a way in: the agent's work is saved in good order,
 * and the VM ends. */
static int on_network_end(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Vm *vm = userdata;

        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (vm->ending)
                return 0;
        log_message(LOG_ERR, "The VM's network has ended: stopping the VM");
        vm->facts.network_lost = true;
        vm_request_stop(vm);
        return 0;
}

static int ask_state(const Vm *vm, const char *name, UnitState *ret) {
        _cleanup_free_ char *unit = strjoin(name, "@", vm->parameters->id, ".service", NULL);
        _cleanup_manager_ Manager *m = NULL;
        int r = unit ? manager_connect(&m) : -ENOMEM;

        return r < 0 ? r : manager_state(m, unit, ret);
}

/* The unit that should have made it has said why it could not. The status of one that did not fail is of an
 * earlier start. */
static int explain(const Vm *vm, char **ret_why) {
        UnitState state = {};
        int r = vm->config->foreground ? -ENOENT : ask_state(vm, "claude-vm-net", &state);
        bool failed = r >= 0 && strcmp(state.result ?: "success", "success") != 0;

        r = why_say(ret_why, -EINVAL, "The VM has no network: %s",
                        failed && state.status_text && state.status_text[0]
                                        ? state.status_text
                                        : "claude-vm-net@.service has not made it; see: systemctl --user daemon-reload");
        unit_state_done(&state);
        return r;
}

/* The guest has a placeholder instead of its key: without the proxy the agent could do nothing. */
static int check_proxy(const Vm *vm, char **ret_why) {
        UnitState state = {};
        int r;

        /* the keeper of a foreground VM starts it after the proxy */
        if (!vm->parameters->api_keys[0] || vm->config->foreground)
                return 0;
        r = ask_state(vm, "claude-vm-proxy", &state);
        if (r < 0)
                return r;
        if (strcmp(state.active_state ?: "", "active") != 0)
                r = why_say(ret_why, -EINVAL, "The proxy that keeps the API key does not run: %s",
                                state.status_text && state.status_text[0]
                                                ? state.status_text
                                                : "see the log of claude-vm-proxy@.service");
        unit_state_done(&state);
        return r;
}

int vm_network_begin(Vm *vm, char **ret_why) {
        _cleanup_free_ char *words = strjoin("tap ", vm->config->settings_id, NULL);
        int fds[NET_FDS_MAX], r;

        if (!words)
                return -ENOMEM;
        r = net_request_fds(vm->config->runtime_dir, vm->parameters->id, words, fds, &vm->network_fd);
        if (r == -EPROTO)
                return why_say(ret_why, -EINVAL,
                                "The network is still the one of earlier settings, because this start came while the VM was stopping. It stops now; start the VM again");
        if (r == -ENOENT || r == -ECONNREFUSED || r == -ECONNRESET)
                return explain(vm, ret_why);
        if (r < 0)
                return r;
        vm->tap_fd = fds[0];
        r = check_proxy(vm, ret_why);
        return r < 0 ? r : sd_event_add_io(vm->event, NULL, vm->network_fd, EPOLLIN, on_network_end, vm);
}

void vm_network_done(Vm *vm) {
        if (vm->tap_fd >= 0)
                close(vm->tap_fd);
        if (vm->network_fd >= 0)
                close(vm->network_fd);
}
