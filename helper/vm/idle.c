/* Idle=: the guest is asked now and then whether somebody or something is at work in it, and the VM is
 * suspended when it was not for long enough. What the guest says is only about itself: one that lies is
 * suspended, or is not. What counts as work is in guest/libexec/control. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "helper/log.h"
#include "helper/vm/vm.h"

#define PERIOD_MIN (3 * SEC)
#define PERIOD_MAX (60 * SEC)

static uint64_t limit_of(const Vm *vm) {
        return setting_number(vm->parameters->values, SETTING_IDLE) * SEC;
}

/* So that a third of the limit is the most that it is late. */
static uint64_t period_of(const Vm *vm) {
        uint64_t period = limit_of(vm) / 3;

        return period < PERIOD_MIN ? PERIOD_MIN : period > PERIOD_MAX ? PERIOD_MAX : period;
}

static int on_period(sd_event_source *source, uint64_t usec, void *userdata) {
        static const char word[] = "idle\n";
        const Vm *vm = userdata;

        if (!vm->ending && !vm->migration.active)
                (void) send(vm->control_fd, word, strlen(word), MSG_DONTWAIT | MSG_NOSIGNAL);
        (void) sd_event_source_set_time_relative(source, period_of(vm));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void vm_idle_begin(Vm *vm) {
        if (limit_of(vm) == 0 || vm->idle)
                return;
        if (vm->has_secrets)
                log_message(LOG_WARNING,
                                "Idle= does nothing: a guest with secrets of [Credentials] in its memory is not suspended");
        else if (sd_event_add_time_relative(
                                 vm->event, &vm->idle, CLOCK_MONOTONIC, period_of(vm), 0, on_period, vm) < 0)
                log_message(LOG_WARNING, "Idle= does nothing: no memory");
}

void vm_idle_answer(Vm *vm, bool idle) {
        uint64_t now;

        if (!vm->idle || vm->migration.active || sd_event_now(vm->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        if (!idle) {
                vm->idle_since_usec = 0;
                return;
        }
        /* the guest speaks of the time since the last question */
        if (vm->idle_since_usec == 0)
                vm->idle_since_usec = now - period_of(vm);
        if (now - vm->idle_since_usec < limit_of(vm))
                return;
        /* if it fails, after the same time again */
        vm->idle_since_usec = 0;
        log_message(LOG_INFO, "The guest is idle: suspending it");
        vm_suspend(vm, -EBADF);
}

void vm_idle_done(Vm *vm) {
        vm->idle = sd_event_source_disable_unref(vm->idle);
}
