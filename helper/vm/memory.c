/* The memory of a guest that runs, by the balloon that every VM has: the guest gives pages back and gets
 * them again, up to what it was started with. That costs nothing while nobody asks. No memory is added:
 * QEMU's microvm maps none into a guest that runs, and each vhost-user device would have to map it too.
 *
 * A guest may ignore the balloon, so this is no limit; MemoryMax= is. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "helper/host/architecture.h"
#include "helper/json.h"
#include "helper/log.h"
#include "helper/share/control-message.h"
#include "helper/suspend/request.h"
#include "helper/vm/vm.h"

/* Why not now; NULL if it may be. */
static const char *find_obstacle(const Vm *vm) {
        if (vm->ending || vm->qemu_ended)
                return "it is about to end";
        if (vm->migration.active)
                return "it is being suspended or resumed";
        return vm->facts.ready ? NULL : "it is not ready yet";
}

static const char *machine_of(const Vm *vm) {
        const MachineType *type = architecture_machine(
                        architecture_of_host(), setting_value(vm->parameters->values, SETTING_MACHINE));

        /* one that this machine's guests have not is named by the ini */
        return type ? type->word : setting_value(vm->parameters->values, SETTING_MACHINE);
}

static int inflate(Vm *vm, uint64_t mib) {
        _cleanup_json_ sd_json_variant *arguments = NULL;
        int r = sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_UNSIGNED("value", mib << 20));

        return r < 0 ? r : qmp_send(vm->qmp, "balloon", arguments, -1, NULL);
}

static void set_memory(Vm *vm, uint64_t mib, char ret[static SUSPEND_REPLY_MAX]) {
        uint64_t most = setting_number(vm->parameters->values, SETTING_MEMORY_MIB);
        const char *why = find_obstacle(vm);
        int r;

        if (why) {
                snprintf(ret, SUSPEND_REPLY_MAX, "%s", why);
                return;
        }
        if (mib > most) {
                snprintf(ret, SUSPEND_REPLY_MAX,
                                "it was started with %" PRIu64
                                " MiB, and QEMU's machine '%s' cannot get more while it runs",
                                most, machine_of(vm));
                return;
        }
        r = inflate(vm, mib);
        snprintf(ret, SUSPEND_REPLY_MAX, "%s", r < 0 ? strerror(-r) : SUSPEND_DONE);
        if (r >= 0)
                log_message(LOG_INFO, "The guest is asked to do with %" PRIu64 " MiB of memory", mib);
}

void vm_set_memory(Vm *vm, uint64_t mib, int reply_fd) {
        char reply[SUSPEND_REPLY_MAX];

        set_memory(vm, mib, reply);
        control_reply(reply_fd, reply);
        close_cleanup(&reply_fd);
}
