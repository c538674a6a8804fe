/* Goes on with a suspended VM: a start like any other, but for a QEMU that takes the guest's memory from a
 * file. Until the guest runs nothing is lost; from then on its state is gone, because a guest that would go
 * on twice would use its random numbers, its connections and its files twice. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "helper/log.h"
#include "helper/ssh/ports.h"
#include "helper/suspend/state.h"
#include "helper/vm/machine.h"
#include "helper/vm/suspended-files.h"
#include "helper/vm/vm.h"

#define TEXT_MAX (256U * 1024U)
#define ANSWER_LIMIT (60 * SEC) /* of a guest that goes on */
#define RANDOM_SIZE 32U

const char *const suspended_files[] = { "ssh.key", "ssh.key.pub", "ssh.known_hosts", NULL };

static int read_text(const Vm *vm, const char *name, char **ret) {
        _cleanup_free_ char *path = state_file(vm->config->state_dir, vm->parameters->id, name);

        return path ? whole_file_read(path, TEXT_MAX, ret) : -ENOMEM;
}

/* Says why the state cannot be used, and how to go on without it. */
static int refuse(const Vm *vm, const char *why, char **ret_why) {
        return why_say(ret_why, -EINVAL,
                        "The VM is suspended and cannot be resumed: %s. Put that back, or throw the suspended state away: claude-run forget %s",
                        why, vm->parameters->id);
}

int vm_resume_prepare(Vm *vm, const GuestImage *image, bool kvm, char **ret_why) {
        _cleanup_free_ char *saved = NULL, *why = NULL;
        int r = machine_print(vm->parameters, image, kvm, &vm->machine);

        if (r < 0 || !vm->config->state_dir || !state_exists(vm->config->state_dir, vm->parameters->id))
                return r;
        r = read_text(vm, STATE_MACHINE, &saved);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return refuse(vm, strerror(-r), ret_why);
        r = machine_compare(saved, vm->machine, &why);
        if (r < 0)
                return why ? refuse(vm, why, ret_why) : r;
        vm->facts.resuming = true;
        return 0;
}

int vm_resume_check_disk(const Vm *vm, char **ret_why) {
        _cleanup_free_ char *saved = NULL, *now = NULL, *why = NULL;
        int r;

        if (!vm->facts.resuming)
                return 0;
        r = read_text(vm, STATE_DISK, &saved);
        if (r == -ENOENT)
                r = (saved = strdup("")) ? 0 : -ENOMEM;
        if (r >= 0)
                r = vm->disk_fd >= 0                 ? machine_print_disk(vm->disk_fd, &now)
                                : (now = strdup("")) ? 0
                                                     : -ENOMEM;
        if (r < 0)
                return r;
        r = machine_compare(saved, now, &why);
        return r < 0 && why ? refuse(vm, why, ret_why) : r;
}

/* No evaluation of today: the guest has the script of then as a disk. */
static int open_dev_shell(Vm *vm) {
        _cleanup_free_ char *path = state_file(vm->config->state_dir, vm->parameters->id, STATE_DEV_SHELL);

        if (!path)
                return -ENOMEM;
        vm->dev_shell_fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return vm->dev_shell_fd < 0 && errno != ENOENT ? -errno : 0;
}

/* The ini is that of today, and so are its ports. */
static int take_ports(const Vm *vm) {
        _cleanup_free_ char *dir = strjoin(vm->config->state_dir, "/", vm->parameters->id, NULL);

        return dir ? ports_take_added(vm->config->vm_dir, dir) : -ENOMEM;
}

int vm_resume_files(Vm *vm, SshKeys *ret_keys) {
        int r = open_dev_shell(vm);

        if (r >= 0)
                r = take_ports(vm);

        for (size_t i = 0; r >= 0 && suspended_files[i]; i++) {
                _cleanup_free_ char *to = strjoin(vm->config->vm_dir, "/", suspended_files[i], NULL),
                                    *from = state_file(vm->config->state_dir, vm->parameters->id,
                                                    suspended_files[i]);

                r = from && to ? state_copy(from, to) : -ENOMEM;
        }
        return r < 0 ? r : ssh_files_take(vm->config->vm_dir, vm->parameters->id, ret_keys);
}

/* The state stays. */
static void give_up(Vm *vm, const char *why) {
        free(vm->refusal);
        vm->refusal = NULL;
        if (refuse(vm, why, &vm->refusal) == -ENOMEM)
                log_message(LOG_ERR, "The VM cannot be resumed: %s", why);
        vm->facts.refusal = vm->refusal;
        vm_end(vm);
}

static int on_answer_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        log_message(LOG_WARNING, "The guest goes on, but does not answer");
        vm_guest_is_ready(userdata);
        return 0;
}

/* What the guest cannot know: the time, and that its random numbers have been in a file. */
static void tell_guest(const Vm *vm) {
        char line[64 + 2 * RANDOM_SIZE], *out;
        uint8_t bytes[RANDOM_SIZE];
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
                return;
        out = line +
                        snprintf(line, sizeof(line), "resumed %" PRIi64 "%06ld ", (int64_t) now.tv_sec,
                                        now.tv_nsec / 1000);
        for (size_t i = 0; i < sizeof(bytes); i++)
                out += sprintf(out, "%02x", bytes[i]);
        strcpy(out, "\n");
        if (send(vm->control_fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                log_message(LOG_WARNING, "Failed to tell the guest that it goes on: %s", strerror(errno));
        explicit_bzero(line, sizeof(line));
        explicit_bzero(bytes, sizeof(bytes));
}

static void on_loaded(Vm *vm, const char *error) {
        int r;

        close_cleanup(&vm->memory_fd);
        vm->memory_fd = -EBADF;
        if (error) {
                give_up(vm, error);
                return;
        }
        /* a stop has come before: it stays suspended */
        if (vm->ending)
                return;
        /* and not after it: it is never resumed twice */
        r = state_remove(vm->config->state_dir, vm->parameters->id);
        if (r < 0) {
                give_up(vm, strerror(-r));
                return;
        }
        vm->facts.resuming = false;
        vm->facts.resumed = true;
        (void) qmp_execute(vm->qmp, "cont", NULL, NULL, NULL);
        tell_guest(vm);
        vm_migration_release(vm);
        if (!vm->ending)
                vm_set_timer(vm, vm->config->boot_limit_usec ?: ANSWER_LIMIT, on_answer_limit);
        log_message(LOG_INFO, "The suspended guest goes on");
}

static bool is_same_qemu(const Vm *vm, char **ret_why) {
        _cleanup_free_ char *saved = NULL;

        if (read_text(vm, STATE_QEMU, &saved) >= 0 && strcmp(saved, vm->qemu_version) == 0)
                return true;
        (void) why_say(ret_why, 0, "QEMU was %s and is %s", saved ?: "unknown", vm->qemu_version);
        return false;
}

/* The limit of a boot is not for this: what there is to load counts. Nor does systemd know of that. */
static void extend_limit(Vm *vm) {
        vm->timer = sd_event_source_disable_unref(vm->timer);
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=Loads the guest's memory",
                        (unsigned long long) (vm_migration_limit(vm) + ANSWER_LIMIT));
}

void vm_resume(Vm *vm) {
        _cleanup_free_ char *path = state_file(vm->config->state_dir, vm->parameters->id, STATE_MEMORY),
                            *why = NULL;

        /* the timer is the one of the kill, and the state stays */
        if (vm->ending)
                return;
        if (!is_same_qemu(vm, &why)) {
                give_up(vm, why ?: "no memory");
                return;
        }
        vm->memory_fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -EBADF;
        if (vm->memory_fd < 0) {
                give_up(vm, path ? strerror(errno) : "no memory");
                return;
        }
        extend_limit(vm);
        vm_migrate(vm, vm->memory_fd, true, on_loaded);
}
