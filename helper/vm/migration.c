/* The guest's memory goes to a file, or comes from one: QEMU's migration, with a file's descriptor instead
 * of another machine. Each command waits for the reply to the one before; an event says when QEMU is done.
 *
 * While it saves, QEMU is asked how far it is, which no event says. By then it may belong to the guest: of
 * its answer two numbers count, and what they may lead to is a percentage between 0 and 100 in our own
 * words. While it loads it does not know. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "common/progress-status.h"
#include "helper/json.h"
#include "helper/vm/vm.h"

#define LIMIT (60 * SEC)
#define MIB_PER_SEC 16U /* of a slow disk */
#define POLL_USEC (SEC / 4)
#define BANDWIDTH_MAX (1ULL << 40) /* bytes a second: as fast as the disk; QEMU's default is 128 MiB */
#define FIRST_SET 100U             /* of descriptors; the command line has the ones below */

static void step(Vm *vm);

static void finish(Vm *vm, const char *error) {
        Migration *m = &vm->migration;

        if (!m->active)
                return;
        m->active = false;
        vm_migration_done(vm);
        m->done(vm, error);
}

/* A number of bytes of the answer. */
static bool read_bytes(sd_json_variant *object, const char *name, uint64_t *ret) {
        sd_json_variant *v = object && sd_json_variant_is_object(object)
                        ? sd_json_variant_by_key(object, name)
                        : NULL;

        if (!v || !sd_json_variant_is_unsigned(v))
                return false;
        *ret = sd_json_variant_unsigned(v);
        return true;
}

/* `remaining` and not `transferred`, in which a page of zeroes is missing. No guest has more memory than its
 * ini says, but for what the machine adds to it, so a larger total is none. */
static void on_progress(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        sd_json_variant *ram = result && sd_json_variant_is_object(result)
                        ? sd_json_variant_by_key(result, "ram")
                        : NULL;
        uint64_t total, remaining, most = setting_number(vm->parameters->values, SETTING_MEMORY_MIB) << 21;
        char text[PROGRESS_STATUS_MAX];

        vm->migration.asked = false;
        if (!vm->migration.active || !read_bytes(ram, "total", &total) ||
                        !read_bytes(ram, "remaining", &remaining) || total == 0 || total > most)
                return;
        progress_status_print("Saves the guest's memory", total - (remaining < total ? remaining : total),
                        total, text);
        sd_notifyf(0, "STATUS=%s", text);
}

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        /* one that does not answer is not asked again */
        if (!vm->migration.asked && qmp_execute(vm->qmp, "query-migrate", NULL, NULL, on_progress) >= 0)
                vm->migration.asked = true;
        (void) sd_event_source_set_time_relative(source, POLL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Saving goes on without it. */
static void begin_polling(Vm *vm) {
        Migration *m = &vm->migration;

        if (!m->incoming)
                (void) sd_event_add_time_relative(
                                vm->event, &m->poll, CLOCK_MONOTONIC, POLL_USEC, 0, on_poll, vm);
}

static void on_reply(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;

        if (error)
                finish(vm, error);
        else if (vm->migration.active)
                step(vm);
}

static int stop_guest(Vm *vm) {
        return qmp_execute(vm->qmp, "stop", NULL, NULL, on_reply);
}

/* events: QEMU says when it is done. mapped-ram: a page has one place in the file, so it is written once,
 * pages of zeroes are holes, and loading reads as fast as the disk does. */
static int set_capabilities(Vm *vm) {
        static const char *const names[] = { "events", "mapped-ram" };
        _cleanup_json_ sd_json_variant *array = NULL, *arguments = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++) {
                _cleanup_json_ sd_json_variant *one = NULL;

                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR_STRING("capability", names[i]),
                                SD_JSON_BUILD_PAIR_BOOLEAN("state", true));
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, one);
        }
        if (r >= 0)
                r = sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_VARIANT("capabilities", array));
        return r < 0 ? r : qmp_send(vm->qmp, "migrate-set-capabilities", arguments, -EBADF, on_reply);
}

static int set_parameters(Vm *vm) {
        _cleanup_json_ sd_json_variant *arguments = NULL;
        int r = sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_UNSIGNED("max-bandwidth", BANDWIDTH_MAX));

        return r < 0 ? r : qmp_send(vm->qmp, "migrate-set-parameters", arguments, -EBADF, on_reply);
}

/* QEMU has no path to it, and another set for each time: it takes the first descriptor of a set. */
static int pass_file(Vm *vm) {
        _cleanup_json_ sd_json_variant *arguments = NULL;
        int r = sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_UNSIGNED("fdset-id", vm->migration.set));

        return r < 0 ? r : qmp_send(vm->qmp, "add-fd", arguments, vm->migration.fd, on_reply);
}

static int migrate(Vm *vm) {
        char uri[sizeof("file:/dev/fdset/") + 3 * sizeof(unsigned)];

        snprintf(uri, sizeof(uri), "file:/dev/fdset/%u", vm->migration.set);
        return qmp_execute(vm->qmp, vm->migration.incoming ? "migrate-incoming" : "migrate", "uri", uri,
                        on_reply);
}

/* After the last one the event is waited for. */
static void step(Vm *vm) {
        static int (*const steps[])(
                        Vm *vm) = { stop_guest, set_capabilities, set_parameters, pass_file, migrate };
        Migration *m = &vm->migration;
        int r;

        if (m->step == ELEMENTSOF(steps)) {
                begin_polling(vm);
                return;
        }
        r = steps[m->step++](vm);
        if (r < 0)
                finish(vm, strerror(-r));
}

/* QEMU gives up, or is killed. */
static int on_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        if (vm->migration.cancelled || qmp_execute(vm->qmp, "migrate_cancel", NULL, NULL, NULL) < 0) {
                vm_kill_qemu(vm);
                return 0;
        }
        vm->migration.cancelled = true;
        (void) sd_event_source_set_time_relative(source, vm->config->stop_step_usec);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static uint64_t limit_of(const Vm *vm) {
        return LIMIT + setting_number(vm->parameters->values, SETTING_MEMORY_MIB) / MIB_PER_SEC * SEC;
}

uint64_t vm_migration_limit(const Vm *vm) {
        return limit_of(vm) + vm->config->stop_step_usec;
}

void vm_migrate(Vm *vm, int fd, bool incoming, void (*done)(Vm *vm, const char *error)) {
        Migration *m = &vm->migration;
        unsigned set = m->set ? m->set + 1 : FIRST_SET;

        *m = (Migration) { .active = true, .incoming = incoming, .fd = fd, .set = set, .done = done };
        /* a guest that comes does not run yet */
        m->step = incoming ? 1 : 0;
        if (sd_event_add_time_relative(
                            vm->event, &m->timer, CLOCK_MONOTONIC, limit_of(vm), 0, on_limit, vm) < 0)
                finish(vm, "no memory");
        else
                step(vm);
}

void vm_migration_release(Vm *vm) {
        _cleanup_json_ sd_json_variant *arguments = NULL;

        if (sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_UNSIGNED("fdset-id", vm->migration.set)) >= 0)
                (void) qmp_send(vm->qmp, "remove-fd", arguments, -EBADF, NULL);
}

static void on_reason(void *userdata, sd_json_variant *result, const char *error) {
        sd_json_variant *reason = result ? sd_json_variant_by_key(result, "error-desc") : NULL;

        finish(userdata,
                        reason && sd_json_variant_is_string(reason) ? sd_json_variant_string(reason)
                                        : error                     ? error
                                                                    : "QEMU gives no reason");
}

void vm_migration_event(Vm *vm, sd_json_variant *data) {
        sd_json_variant *v = data ? sd_json_variant_by_key(data, "status") : NULL;
        const char *status = v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";

        if (!vm->migration.active)
                return;
        if (strcmp(status, "completed") == 0)
                finish(vm, NULL);
        else if (strcmp(status, "cancelled") == 0)
                finish(vm, "it takes too long");
        else if (strcmp(status, "failed") == 0 &&
                        qmp_execute(vm->qmp, "query-migrate", NULL, NULL, on_reason) < 0)
                finish(vm, "QEMU does not answer");
}

void vm_migration_done(Vm *vm) {
        vm->migration.poll = sd_event_source_disable_unref(vm->migration.poll);
        vm->migration.timer = sd_event_source_disable_unref(vm->migration.timer);
}
