/* Whether the agent works or waits for its user, as its own hooks say (guest/claude-hooks.json): for
 * `claude-run list`, the unit's status and, with DesktopNotice=, the user's desktop. What the guest says is
 * one of two words about itself. However often it changes its mind, the host hears of it once a second, and
 * the user once a minute. */

#include <string.h>

#include "helper/host/desktop-notice.h"
#include "helper/host/viewers.h"
#include "helper/log.h"
#include "helper/vm/vm.h"

#define TELL_INTERVAL SEC
#define NOTICE_DELAY                                                                                        \
        (5 * SEC) /* of waiting, so that one who detaches, or an agent that goes on, is no reason */
#define NOTICE_INTERVAL (60 * SEC)

/* --- the desktop ------------------------------------------------------------------------ */

static bool is_watched(const Vm *vm) {
        _cleanup_viewers_ Viewers viewers = {};

        return vm->owner_fd >= 0 || viewers_count(&viewers, vm->config->runtime_dir, vm->parameters->id) > 0;
}

static bool wants_notices(const Vm *vm) {
        return setting_is(vm->parameters->values, SETTING_DESKTOP_NOTICE, "yes") && !vm->config->foreground;
}

/* The words are ours alone, and the name has no characters of markup. */
static void send_notice(Vm *vm, sd_event *event, const char *what, const char *remedy) {
        char summary[256], body[256];
        int r;

        snprintf(summary, sizeof(summary), "%s: %s", vm->parameters->id, what);
        snprintf(body, sizeof(body), "%s %s", remedy, vm->parameters->id);
        r = desktop_notice_send(event, &vm->agent.bus, summary, body);
        if (r < 0)
                log_message(LOG_NOTICE, "No notice on the desktop: %s", strerror(-r));
}

static int on_notice(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        if (vm->agent.state == AGENT_WAITING && !vm->ending && !is_watched(vm)) {
                vm->agent.noticed_usec = usec;
                send_notice(vm, vm->event, "the agent waits for you", "To answer it: claude-run attach");
        }
        return 0;
}

/* A second change in a minute is not lost, but late. */
static void set_notice(Vm *vm) {
        AgentWatch *a = &vm->agent;
        uint64_t now, when;

        a->notice = sd_event_source_disable_unref(a->notice);
        if (a->state != AGENT_WAITING || !wants_notices(vm) ||
                        sd_event_now(vm->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        when = now + NOTICE_DELAY;
        if (a->noticed_usec > 0 && when < a->noticed_usec + NOTICE_INTERVAL)
                when = a->noticed_usec + NOTICE_INTERVAL;
        if (sd_event_add_time(vm->event, &a->notice, CLOCK_MONOTONIC, when, 0, on_notice, vm) < 0)
                log_message(LOG_NOTICE, "No notice on the desktop: no memory");
}

/* --- what the agent says ---------------------------------------------------------------- */

static int on_interval(sd_event_source *source, uint64_t usec, void *userdata);

static void tell(Vm *vm) {
        AgentWatch *a = &vm->agent;
        int r = agent_state_write(vm->config->vm_dir, a->state, a->since_usec);

        if (r < 0)
                log_message(LOG_WARNING, "What the agent does cannot be told: %s", strerror(-r));
        a->told = a->state;
        if (!vm->ending && !vm->migration.active)
                vm_say_status(vm);
        set_notice(vm);
        if (sd_event_add_time_relative(
                            vm->event, &a->interval, CLOCK_MONOTONIC, TELL_INTERVAL, 0, on_interval, vm) < 0)
                log_message(LOG_NOTICE, "What the agent does is told as often as it says it: no memory");
}

static int on_interval(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        vm->agent.interval = sd_event_source_disable_unref(vm->agent.interval);
        if (vm->agent.state != vm->agent.told)
                tell(vm);
        return 0;
}

void vm_agent_says(Vm *vm, AgentState state) {
        AgentWatch *a = &vm->agent;

        if (!vm->facts.ready || vm->facts.agent_status >= 0 || state == a->state)
                return;
        a->state = state;
        a->since_usec = usec_now(CLOCK_REALTIME);
        if (!a->interval)
                tell(vm);
}

/* --- the end ---------------------------------------------------------------------------- */

void vm_agent_ended(Vm *vm) {
        /* a viewer's ssh may be gone before QEMU */
        if (wants_notices(vm))
                vm->agent.end_was_seen = is_watched(vm);
        vm->agent.state = AGENT_UNKNOWN;
        set_notice(vm);
}

void vm_agent_notice_end(Vm *vm, int status) {
        const Facts *f = &vm->facts;
        char what[64];

        if (!wants_notices(vm) || f->stop_requested || f->suspended || !f->ready || vm->agent.end_was_seen ||
                        is_watched(vm))
                return;
        if (f->agent_status >= 0)
                snprintf(what, sizeof(what), "the agent has ended with status %d", f->agent_status);
        else
                snprintf(what, sizeof(what), status == 0 ? "the VM has ended" : "the VM has failed");
        send_notice(vm, NULL, what, "Why: claude-run status");
}

void vm_agent_done(Vm *vm) {
        vm->agent.interval = sd_event_source_disable_unref(vm->agent.interval);
        vm->agent.notice = sd_event_source_disable_unref(vm->agent.notice);
        vm->agent.bus = sd_bus_close_unref(vm->agent.bus);
}
