/* A stop is a ladder: the guest is asked over its control port, then by the ACPI
 * button, then QEMU is told to quit, then it is killed; a second request goes to the
 * last step. A guest that is not up yet has nothing to save, so its QEMU quits at once.
 *
 * QEMU may belong to the guest by then. So each way to the end sets the timer of the kill,
 * and from then on nothing that guest or QEMU says moves or lifts it. */

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "helper/log.h"
#include "helper/vm/vm.h"

enum { STEP_ASK, STEP_BUTTON, STEP_QUIT, STEP_KILL };

void vm_kill_qemu(Vm *vm) {
        if (vm->pid > 0 && !vm->qemu_ended)
                kill(vm->pid, SIGKILL);
}

static void quit_qemu(Vm *vm) {
        if (!vm->qmp || qmp_execute(vm->qmp, "quit", NULL, NULL, NULL) < 0)
                vm_kill_qemu(vm);
}

void vm_set_timer(Vm *vm, uint64_t usec, sd_event_time_handler_t handler) {
        vm->timer = sd_event_source_disable_unref(vm->timer);
        if (sd_event_add_time_relative(vm->event, &vm->timer, CLOCK_MONOTONIC, usec, 0, handler, vm) < 0)
                vm_kill_qemu(vm);
}

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void stop_step(Vm *vm) {
        static const char word[] = "poweroff\n";

        switch (vm->stop_step++) {
        case STEP_ASK:
                if (send(vm->control_fd, word, strlen(word), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                        log_message(LOG_NOTICE, "The guest does not take a request to power off");
                vm_set_timer(vm, 2 * vm->config->stop_step_usec, on_stop_timer);
                break;
        case STEP_BUTTON:
                log_message(LOG_NOTICE, "The guest does not power off; pressing its power button");
                if (vm->qmp)
                        (void) qmp_execute(vm->qmp, "system_powerdown", NULL, NULL, NULL);
                vm_set_timer(vm, vm->config->stop_step_usec, on_stop_timer);
                break;
        case STEP_QUIT:
                log_message(LOG_NOTICE, "The guest does not power off; ending QEMU");
                quit_qemu(vm);
                vm_set_timer(vm, vm->config->stop_step_usec / 2, on_stop_timer);
                break;
        default:
                log_message(LOG_WARNING, "QEMU does not end; killing it");
                vm_kill_qemu(vm);
        }
}

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        stop_step(userdata);
        return 0;
}

/* In the foreground an engine signals every process, and kills them all soon after: so QEMU quits at once,
 * and a second request, which the keeper sends, changes nothing. */
void vm_request_stop(Vm *vm) {
        if (vm_suspend_delays_stop(vm) || (vm->config->foreground && vm->facts.stop_requested))
                return;
        if (vm->config->foreground || vm->facts.stop_requested || vm->migration.active ||
                        !(vm->facts.ready || vm->facts.resumed))
                vm->stop_step = vm->stop_step < STEP_QUIT ? STEP_QUIT : STEP_KILL;
        vm->facts.stop_requested = vm->ending = true;
        sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
        stop_step(vm);
}

void vm_expect_end(Vm *vm) {
        vm->ending = true;
        vm->stop_step = STEP_KILL;
        vm_set_timer(vm, vm->config->stop_step_usec / 2, on_stop_timer);
}

void vm_end(Vm *vm) {
        quit_qemu(vm);
        vm_expect_end(vm);
}
