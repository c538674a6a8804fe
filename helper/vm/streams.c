/* What the guest says on its notify port and its console, and QEMU on its standard
 * error. All of it is bounded and harmless (guest-lines.c) before anything here sees it. */

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/log.h"
#include "helper/vm/guest-notify.h"
#include "helper/vm/vm.h"

#define POWEROFF_STEPS 4U /* from the agent's end to QEMU's, in steps of a stop */
#define READS_MAX 50U     /* of a stream, of 8 KiB each, in READS_WINDOW */
#define READS_WINDOW (SEC / 2)
#define LAST_READ_MAX (1024 * 1024) /* of what a guest wrote before its end */
#define GUEST_IDENTIFIER "claude-vm-guest"
#define QEMU_IDENTIFIER "qemu"

static int on_poweroff_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        log_message(LOG_WARNING, "The agent has ended, but the guest does not power off; ending QEMU");
        vm_end(userdata);
        return 0;
}

/* What the user should know stands behind it. */
void vm_say_status(const Vm *vm) {
        static const char *const runs[] = {
                [AGENT_UNKNOWN] = "The agent runs",
                [AGENT_WORKING] = "The agent works",
                [AGENT_WAITING] = "The agent waits for its user",
        };
        _cleanup_free_ char *disk = vm_disk_note(vm), *setup = vm_setup_note(vm);

        sd_notifyf(0, "STATUS=%s%s%s%s%s",
                        setting_is(vm->parameters->values, SETTING_AGENT_START, "session")
                                        ? "Ready for sessions"
                                        : runs[vm->agent.state],
                        disk ? ". " : "", disk ?: "", setup ? ". " : "", setup ?: "");
}

/* Lifts the limit of the boot, but none that a stop or an end has set. */
void vm_guest_is_ready(Vm *vm) {
        if (vm->facts.ready || vm->facts.boot_timeout)
                return;
        vm->facts.ready = true;
        if (vm->facts.agent_status < 0 && !vm->ending)
                vm->timer = sd_event_source_disable_unref(vm->timer);
        vm->status_pending = false;
        vm_say_status(vm);
        sd_notify(0, "READY=1");
        log_message(LOG_INFO, "%s", vm->facts.resumed ? "The guest is back" : "The guest is ready");
        if (vm_clock_begin(vm) < 0)
                log_message(LOG_WARNING, "The guest's clock is not kept right");
        vm_host_changes_begin(vm);
        vm_idle_begin(vm);
}

/* Only the first one counts: each further one would restart the limit. */
static void agent_has_ended(Vm *vm, int status) {
        if (vm->facts.agent_status >= 0)
                return;
        vm->facts.agent_status = status;
        vm_agent_ended(vm);
        vm->status_pending = false;
        sd_notifyf(0, "STATUS=The agent exited with status %d", status);
        if (!vm->ending)
                vm_set_timer(vm, POWEROFF_STEPS * vm->config->stop_step_usec, on_poweroff_limit);
}

static void on_notify_line(void *userdata, const char *line) {
        Vm *vm = userdata;
        char copy[GUEST_LINE_MAX + 1];
        GuestMessage message;

        strcpy(copy, line);
        message = guest_notify_parse(copy);
        switch (message.word) {
        case GUEST_READY:
                vm_guest_is_ready(vm);
                break;
        case GUEST_STATUS:
                /* what comes after the agent's end is not why it ended */
                if (vm->facts.agent_status < 0)
                        snprintf(vm->guest_status, sizeof(vm->guest_status), "%s", message.text);
                /* once it is ready the status is ours to say */
                vm->status_pending =
                                !vm->facts.ready && vm->facts.agent_status < 0 && !vm->facts.stop_requested;
                break;
        case GUEST_IDLE:
                vm_idle_answer(vm, message.number != 0);
                break;
        case GUEST_AGENT:
                vm_agent_says(vm, message.number ? AGENT_WAITING : AGENT_WORKING);
                break;
        case GUEST_EXIT_STATUS:
                agent_has_ended(vm, message.number);
                break;
        case GUEST_DISK:
                if (!vm->facts.ready)
                        vm_disk_say(vm, message.text);
                break;
        case GUEST_SETUP:
                vm_setup_say(vm, message.number);
                break;
        case GUEST_DRAWN:
                if (vm->facts.ready && !vm->drawn)
                        log_message(LOG_INFO, "The agent has drawn its first frame");
                vm->drawn = vm->facts.ready;
                break;
        case GUEST_UNKNOWN:
                /* not logged either: the console is the place for a guest's words */
                break;
        }
}

static void say_left_out(const char *identifier, unsigned n) {
        if (n > 0)
                log_message(LOG_NOTICE, "%u lines of %s left out", n, identifier);
}

/* Who floods fills neither the journal nor this loop's time. QEMU writes for a guest too: its user network
 * and its devices complain of what a guest does. */
static void log_stream(Vm *vm, Stream *s, int priority, const char *identifier, const char *line) {
        uint64_t now = 0;
        unsigned left_out;

        (void) sd_event_now(vm->event, CLOCK_MONOTONIC, &now);
        strcpy(s->last, line);
        if (!line_limit_pass(&s->limit, now, &left_out))
                return;
        say_left_out(identifier, left_out);
        log_line(priority, identifier, line);
}

static void on_error_line(void *userdata, const char *line) {
        Vm *vm = userdata;

        log_stream(vm, &vm->errors, LOG_WARNING, QEMU_IDENTIFIER, line);
}

/* What every healthy guest says at its start or end: it has neither libkmod nor modules to load, Debian
 * keeps /usr/sbin, and virtiofsd hangs up on the guest's last request. In a log it reads like a fault. */
static bool is_usual(const char *line) {
        static const char *const usual[] = {
                "systemd[1]: Failed to initialize kmod context: ",
                "systemd[1]: System is tainted: unmerged-bin",
                "virtio-fs: response too short (0)",
        };

        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (strstr(line, usual[i]))
                        return true;
        return false;
}

static void on_console_line(void *userdata, const char *line) {
        Vm *vm = userdata;

        if (is_usual(line))
                return;
        log_stream(vm, &vm->console, LOG_INFO, GUEST_IDENTIFIER, line);
}

/* Reads once. Returns false when no more will come. */
static bool stream_read(Stream *s) {
        char buffer[8192];
        ssize_t n = read(s->fd, buffer, sizeof(buffer));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (n <= 0)
                return false;
        guest_lines_feed(&s->text, buffer, (size_t) n);
        return true;
}

static int on_stream(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Stream *s = userdata;

        if (!stream_read(s))
                s->source = sd_event_source_disable_unref(s->source);
        return 0;
}

/* Forwards only the latest STATUS= of each read, so that a flooding guest does not flood the service
 * manager. */
static int on_notify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Stream *s = userdata;
        Vm *vm = s->text.userdata;
        int r = on_stream(source, fd, revents, s);

        if (vm->status_pending) {
                _cleanup_free_ char *quoted = guest_lines_quote(vm->guest_status);

                sd_notifyf(0, "STATUS=guest: %s", quoted ?: "");
        }
        vm->status_pending = false;
        return r;
}

/* QEMU has ended: what it still wrote is there, then the end of file. */
static void stream_finish(Stream *s) {
        char buffer[8192];
        ssize_t n;

        for (size_t total = 0; total < LAST_READ_MAX && (n = read(s->fd, buffer, sizeof(buffer))) > 0;
                        total += (size_t) n)
                guest_lines_feed(&s->text, buffer, (size_t) n);
        guest_lines_end(&s->text);
}

static int stream_begin(Vm *vm, Stream *s, int64_t priority, sd_event_io_handler_t read_handler,
                guest_line_handler handler) {
        int r;

        s->text.handler = handler;
        s->text.userdata = vm;
        r = sd_event_add_io(vm->event, &s->source, s->fd, EPOLLIN, read_handler, s);
        if (r >= 0)
                r = sd_event_source_set_priority(s->source, priority);
        /* a flooding guest waits; signals and timers do not */
        return r < 0 ? r : sd_event_source_set_ratelimit(s->source, READS_WINDOW, READS_MAX);
}

static void stream_done(Stream *s) {
        s->source = sd_event_source_disable_unref(s->source);
        if (s->fd >= 0)
                close(s->fd);
}

int vm_streams_begin(Vm *vm) {
        /* the notify port comes before the console, QEMU's end after both */
        int r = stream_begin(vm, &vm->notify, SD_EVENT_PRIORITY_NORMAL - 1, on_notify, on_notify_line);

        if (r >= 0)
                r = stream_begin(vm, &vm->console, SD_EVENT_PRIORITY_NORMAL + 1, on_stream, on_console_line);
        return r < 0 ? r : stream_begin(vm, &vm->errors, SD_EVENT_PRIORITY_NORMAL, on_stream, on_error_line);
}

void vm_streams_finish(Vm *vm) {
        stream_finish(&vm->notify);
        stream_finish(&vm->console);
        stream_finish(&vm->errors);
        say_left_out(GUEST_IDENTIFIER, vm->console.limit.left_out);
        say_left_out(QEMU_IDENTIFIER, vm->errors.limit.left_out);
}

void vm_streams_done(Vm *vm) {
        stream_done(&vm->notify);
        stream_done(&vm->console);
        stream_done(&vm->errors);
}
