/* Suspends the VM: the guest stops, QEMU writes its memory to a file, and ends when all that a later start
 * needs is on the disk. Whatever fails before that, the guest goes on. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "helper/log.h"
#include "helper/share/control-message.h"
#include "helper/suspend/request.h"
#include "helper/suspend/state.h"
#include "helper/vm/machine.h"
#include "helper/vm/suspended-files.h"
#include "helper/vm/vm.h"

/* Says how it went to the one who asked and to the journal. */
static void __attribute__((format(printf, 2, 3))) refuse(Vm *vm, const char *format, ...) {
        char why[SUSPEND_REPLY_MAX];
        va_list ap;

        va_start(ap, format);
        vsnprintf(why, sizeof(why), format, ap);
        va_end(ap);
        printable_clean(why);
        log_message(LOG_WARNING, "Not suspended: %s", why);
        control_reply(vm->reply_fd, why);
        close_cleanup(&vm->reply_fd);
        vm->reply_fd = -EBADF;
}

/* Why this VM is not suspended now; NULL if it may be. */
static const char *find_obstacle(const Vm *vm) {
        const struct {
                bool holds;
                const char *why;
        } obstacles[] = {
                { !vm->config->state_dir,
                                "its unit has no StateDirectory=, see: systemctl --user daemon-reload" },
                { vm_name_is_uuid(vm->parameters->id),
                                "an ad-hoc VM has no ini that it could go on with; --name NAME makes a project of it" },
                { vm->ending || vm->facts.agent_status >= 0 || vm->qemu_ended, "it is about to end" },
                { !vm->facts.ready, "it is not ready yet" },
                { vm->has_secrets,
                                "its guest has secrets of [Credentials] in its memory, which would lie in a file; those of ApiProxy= do not count" },
        };

        for (size_t i = 0; i < ELEMENTSOF(obstacles); i++)
                if (obstacles[i].holds)
                        return obstacles[i].why;
        return NULL;
}

static int open_memory(const Vm *vm) {
        _cleanup_free_ char *path = state_new_file(vm->config->state_dir, vm->parameters->id, STATE_MEMORY);
        int fd;

        if (!path)
                return -ENOMEM;
        /* QEMU looks for a descriptor of exactly this mode */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
}

static int write_text(const Vm *vm, const char *name, const char *text) {
        _cleanup_free_ char *path = state_new_file(vm->config->state_dir, vm->parameters->id, name);

        return path ? whole_file_create(path, 0600, text, strlen(text)) : -ENOMEM;
}

/* The guest reads its disk again when it likes, so it finds the same one. */
static int keep_dev_shell(const Vm *vm) {
        _cleanup_free_ char *path =
                        state_new_file(vm->config->state_dir, vm->parameters->id, STATE_DEV_SHELL);
        _cleanup_close_ int fd = -EBADF;
        off_t at = 0;
        ssize_t n;

        if (vm->dev_shell_fd < 0)
                return 0;
        fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -ENOMEM;
        if (fd < 0)
                return path ? -errno : fd;
        while ((n = sendfile(fd, vm->dev_shell_fd, &at, 1 << 20)) > 0)
                ;
        return n < 0 ? -errno : 0;
}

static int keep_file(const Vm *vm, const char *name) {
        _cleanup_free_ char *from = strjoin(vm->config->vm_dir, "/", name, NULL),
                            *to = state_new_file(vm->config->state_dir, vm->parameters->id, name);

        return from && to ? state_copy(from, to) : -ENOMEM;
}

static int keep_files(const Vm *vm) {
        int r = keep_dev_shell(vm);

        for (size_t i = 0; r >= 0 && suspended_files[i]; i++)
                r = keep_file(vm, suspended_files[i]);
        return r < 0 ? r : keep_file(vm, SUSPENDED_PORTS);
}

static int keep_disk(const Vm *vm) {
        _cleanup_free_ char *text = NULL;
        int r = vm->disk_fd >= 0 ? machine_print_disk(vm->disk_fd, &text) : 0;

        return r < 0 || !text ? r : write_text(vm, STATE_DISK, text);
}

static int make_whole(const Vm *vm) {
        int r = write_text(vm, STATE_MACHINE, vm->machine);

        if (r >= 0)
                r = keep_disk(vm);

        if (r >= 0)
                r = write_text(vm, STATE_QEMU, vm->qemu_version);
        if (r >= 0)
                r = keep_files(vm);
        return r < 0 ? r : state_commit(vm->config->state_dir, vm->parameters->id);
}

static void go_on(Vm *vm, const char *why) {
        state_abandon(vm->config->state_dir, vm->parameters->id);
        if (vm->qemu_ended)
                return;
        vm_migration_release(vm);
        (void) qmp_execute(vm->qmp, "cont", NULL, NULL, NULL);
        sd_notify(0, "STATUS=The guest goes on: it could not be suspended");
        refuse(vm, "%s; it goes on", why);
        if (vm->stop_waits)
                vm_request_stop(vm);
}

static void on_saved(Vm *vm, const char *error) {
        int r = 0;

        close_cleanup(&vm->memory_fd);
        vm->memory_fd = -EBADF;
        if (!error)
                r = make_whole(vm);
        if (error || r < 0) {
                go_on(vm, error ?: strerror(-r));
                return;
        }
        vm->facts.suspended = true;
        log_message(LOG_INFO, "The guest's memory is saved");
        control_reply(vm->reply_fd, SUSPEND_DONE);
        sd_notify(0, "STOPPING=1\nSTATUS=Suspended");
        vm_end(vm);
}

void vm_suspend(Vm *vm, int reply_fd) {
        const char *why = find_obstacle(vm);
        int r;

        /* the first one who asked waits for the answer */
        if (vm->migration.active) {
                control_reply(reply_fd,
                                vm->migration.incoming ? "it is being resumed"
                                                       : "it is being suspended already");
                close_cleanup(&reply_fd);
                return;
        }
        vm->reply_fd = reply_fd;
        if (why) {
                refuse(vm, "%s", why);
                return;
        }
        r = state_begin(vm->config->state_dir, vm->parameters->id);
        if (r >= 0)
                r = vm->memory_fd = open_memory(vm);
        if (r < 0) {
                refuse(vm, "'%s': %s", vm->config->state_dir, strerror(-r));
                return;
        }
        log_status(LOG_INFO, "Saves the guest's memory");
        vm_migrate(vm, vm->memory_fd, false, on_saved);
}

/* systemd's own limit is for the ladder alone, which begins if the memory cannot be saved. */
static void extend_stop(const Vm *vm) {
        uint64_t usec = vm_migration_limit(vm) + STOP_STEPS * vm->config->stop_step_usec;

        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, usec);
}

bool vm_suspend_delays_stop(Vm *vm) {
        bool first = !vm->stop_waits;

        if (!vm->migration.active || vm->migration.incoming)
                return false;
        if (first) {
                log_status(LOG_NOTICE, "The stop waits until the guest's memory is saved");
                extend_stop(vm);
        }
        vm->stop_waits = true;
        return first;
}

void vm_suspend_done(Vm *vm) {
        if (vm->memory_fd >= 0) {
                close(vm->memory_fd);
                state_abandon(vm->config->state_dir, vm->parameters->id);
        }
        if (vm->reply_fd >= 0)
                close(vm->reply_fd);
}
