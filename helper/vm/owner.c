/* A VM that was started for one question ends with its claude-run, however that ends. */

#include <errno.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/request/owner.h"
#include "helper/vm/vm.h"

static int on_owner_end(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Vm *vm = userdata;

        vm->owner = sd_event_source_disable_unref(vm->owner);
        log_message(LOG_INFO, "The claude-run that this VM is for has ended");
        vm_request_stop(vm);
        return 0;
}

int vm_owner_watch(Vm *vm) {
        if (!setting_is(vm->parameters->values, SETTING_AGENT_START, "session"))
                return 0;
        vm->owner_fd = request_owner_watch(vm->config->runtime_dir, vm->parameters->id);
        if (vm->owner_fd == -ENOENT)
                return 0;
        if (vm->owner_fd < 0)
                return vm->owner_fd;
        return sd_event_add_io(vm->event, &vm->owner, vm->owner_fd, EPOLLIN, on_owner_end, vm);
}

void vm_owner_done(Vm *vm) {
        sd_event_source_disable_unref(vm->owner);
        if (vm->owner_fd >= 0)
                close(vm->owner_fd);
}
