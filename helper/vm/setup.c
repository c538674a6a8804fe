/* Setup=, the project's script that the guest runs before it is ready: its output is in the journal, as the
 * console's is. The helper knows when it begins, so that a long one is no failed boot, and how it ended. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "helper/log.h"
#include "helper/vm/vm.h"

#define SETUP_LIMIT (30 * 60 * SEC)
#define AFTER_LIMIT (150 * SEC) /* for the rest of the boot, as under emulation */

/* Once, as the end: a guest that says it again would boot for ever. */
static void begin(Vm *vm) {
        vm->setup_begun = true;
        /* systemd has a limit of its own */
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=Setup= of the project runs in the guest",
                        (unsigned long long) (SETUP_LIMIT + AFTER_LIMIT));
        log_message(LOG_INFO, "Setup= of the project runs: %s",
                        setting_value(vm->parameters->values, SETTING_SETUP));
        vm_limit_boot(vm, SETUP_LIMIT);
}

static void end(Vm *vm, int status) {
        _cleanup_free_ char *note = NULL;

        vm->setup_ended = true;
        vm->setup_status = status;
        snprintf(vm->setup_words, sizeof(vm->setup_words), "%s", vm->guest_status);
        /* a failure of the boot after this one has words of its own */
        vm->guest_status[0] = '\0';
        vm->status_pending = false;
        note = vm_setup_note(vm);
        log_message(status == 0 ? LOG_INFO : LOG_ERR, "%s", note ?: "Setup= has ended well");
        vm_limit_boot(vm, AFTER_LIMIT);
}

void vm_setup_say(Vm *vm, int status) {
        if (vm->facts.ready || vm->setup_ended || !setting_value(vm->parameters->values, SETTING_SETUP))
                return;
        if (status >= 0)
                end(vm, status);
        else if (!vm->setup_begun)
                begin(vm);
}

char *vm_setup_note(const Vm *vm) {
        _cleanup_free_ char *words = guest_lines_quote(vm->setup_words);
        char *text;

        if (vm->setup_status == 0 || !words)
                return NULL;
        if (asprintf(&text, "Setup= failed with status %d, and runs again at the next start; it said last: %s",
                            vm->setup_status, words) < 0)
                return NULL;
        return text;
}
