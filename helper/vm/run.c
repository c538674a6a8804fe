/* `run`: one VM from its parameters to its end, in one event loop. The parts of it
 * are in this folder, see vm.h. */

#include "helper/vm/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/path-walk.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "helper/changes/changes.h"
#include "helper/devshell/devshell.h"
#include "helper/host/accelerator.h"
#include "helper/host/unit-needs.h"
#include "helper/log.h"
#include "helper/request/caller-credentials.h"
#include "helper/sandbox/sandbox.h"
#include "helper/share/virtiofsd.h"
#include "helper/ssh/files.h"
#include "helper/ssh/publish.h"
#include "helper/vm/vm.h"

#define BOOT_LIMIT_KVM (60 * SEC)
#define BOOT_LIMIT_TCG (150 * SEC)

/* What is impossible has been refused before. */
static bool choose_kvm(const Parameters *p, const Architecture *guest) {
        const char *why = "";

        if (guest != architecture_of_host()) {
                log_message(LOG_WARNING,
                                "The guest is of %s and this machine of %s, so the VM runs under emulation (TCG), which is slow",
                                guest->name, architecture_of_host()->name);
                return false;
        }
        if (setting_is(p->values, SETTING_ACCELERATOR, "tcg"))
                return false;
        if (setting_is(p->values, SETTING_ACCELERATOR, "kvm"))
                return true;
        if (accelerator_kvm_works(&why))
                return true;
        log_message(LOG_WARNING, "No KVM, so the VM runs under emulation (TCG), ten times slower: %s", why);
        return false;
}

/* With KVM it is the host's to give; without, the guest's VMs are emulated twice. */
static void report_nested(const Parameters *p, const Architecture *guest, bool kvm) {
        if (!setting_is(p->values, SETTING_NESTED, "yes"))
                return;
        if (!guest->cpu_without_vms[0])
                log_message(LOG_WARNING, "Nested=yes does nothing: guests of %s have no VMs", guest->name);
        else if (!kvm)
                log_message(LOG_WARNING,
                                "Nested=yes is of little use without KVM: VMs inside this one are emulated by an emulation");
        else if (!accelerator_nests())
                log_message(LOG_WARNING,
                                "Nested=yes does nothing: KVM of this machine has nesting turned off; an administrator allows it with the parameter nested=1 of kvm_intel or kvm_amd");
}

/* claude-vm-devshell@.service has already evaluated it, or logged why it could not. The VM starts either
 * way. */
static void open_dev_shell(Vm *vm) {
        int r = devshell_open(vm->config->dev_shell_dir, parameters_share_directory(vm->parameters, "work"),
                        vm->parameters->dev_shell);

        if (r >= 0)
                vm->dev_shell_fd = r;
        else if (r != -ENODATA) /* nothing there to evaluate, which that unit has said */
                log_message(LOG_WARNING,
                                "No dev shell from the host: %s. The guest tries direnv, if it has it. Why: journalctl --user -u claude-vm-devshell@%s",
                                r == -ENOENT ? "it could not be evaluated" : strerror(-r),
                                vm->parameters->id);
}

/* What the guest may write and the user's programs work in: not the agent's home. */
static bool is_looked_at(const ShareParameters *share) {
        return !share->read_only && strcmp(share->tag, "home") != 0 && strcmp(share->tag, "work") != 0;
}

/* Before the guest can write. A VM without it starts all the same. */
static void note_state(const Vm *vm) {
        const char *directories[SHARES_MAX + 1] = { parameters_writable_work_directory(vm->parameters) };
        _cleanup_free_ char *path = strjoin(vm->config->vm_dir, "/changes", NULL);
        size_t n = 1;
        int r;

        for (unsigned i = 0; i < vm->parameters->n_shares && n <= SHARES_MAX; i++)
                if (is_looked_at(&vm->parameters->shares[i]))
                        directories[n++] = vm->parameters->shares[i].directory;
        r = path ? changes_begin(path, directories, n) : -ENOMEM;
        if (r < 0)
                log_message(LOG_WARNING, "What this VM changes cannot be told later: %s", strerror(-r));
}

/* What this VM runs, for claude-run: an image may be replaced while it does. */
static int note_guest(const char *vm_dir, const GuestImage *image) {
        _cleanup_free_ char *path = strjoin(vm_dir, "/guest", NULL),
                            *text = strjoin(image->agents, "\n", image->directory, "\n", NULL);

        if (!path || !text)
                return -ENOMEM;
        unlink(path);
        return whole_file_create(path, 0600, text, strlen(text));
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        vm_request_stop(userdata);
        return 0;
}

/* Until QEMU there is no guest to ask: SIGTERM ends this process, whatever it waits for, and `gc` removes
 * what it has made. */
static int block_signals(Vm *vm) {
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(vm->event, NULL, SIGTERM, on_signal, vm);
        return r < 0 ? r : sd_event_add_signal(vm->event, NULL, SIGINT, on_signal, vm);
}

/* Prepares the files that QEMU reads, then starts it. Sets `ret_why` if the user can fix the problem. */
static int start(Vm *vm, const GuestImage *image, bool kvm, char **ret_why) {
        const Secrets secrets = {
                .secrets_dir = vm->config->secrets_dir,
                .encrypted = vm->parameters->encrypted_credentials,
                .systemd_creds = vm->config->systemd_creds,
                .caller = vm->parameters->caller_credentials,
                .elsewhere = vm->parameters->api_keys,
                .runtime_dir = vm->config->runtime_dir,
                .id = vm->parameters->id,
        };
        GuestCredentials credentials = {};
        SshKeys keys = {};
        int r;

        vm->has_secrets = secrets_any(&secrets);
        r = vm_resume_prepare(vm, image, kvm, ret_why);
        if (r >= 0)
                r = vm_network_begin(vm, ret_why);
        if (r >= 0)
                r = vm_disk_begin(vm, image, ret_why);
        if (r >= 0)
                r = vm_resume_check_disk(vm, ret_why);
        if (r < 0)
                return r;
        r = vm->facts.resuming ? vm_resume_files(vm, &keys)
                               : ssh_files_make(vm->config->ssh_keygen, vm->config->vm_dir,
                                                 vm->parameters->id, &keys);
        if (r >= 0)
                r = share_write_files(vm->config->vm_dir, vm->parameters);
        if (r >= 0)
                r = note_guest(vm->config->vm_dir, image);
        if (r >= 0)
                r = vm_control_listen(vm);
        if (r >= 0)
                note_state(vm);
        if (r >= 0 && vm->parameters->dev_shell && !vm->facts.resuming)
                open_dev_shell(vm);
        if (r >= 0)
                r = guest_credentials_make(vm->parameters, &keys, &secrets, kvm, vm->dev_shell_fd >= 0,
                                vm->disk_fd >= 0 ? image->disk_key : NULL, vm->config->git, &credentials,
                                ret_why);
        /* the helper has read them, so remove them */
        caller_credentials_remove(vm->config->runtime_dir, vm->parameters->id);
        if (r >= 0)
                r = block_signals(vm);
        if (r >= 0)
                r = vm_start_qemu(vm, image, &credentials, kvm);
        guest_credentials_done(&credentials);
        ssh_keys_done(&keys);
        return r;
}

static int on_boot_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        vm->facts.boot_timeout = true;
        vm_end(vm);
        return 0;
}

void vm_limit_boot(Vm *vm, uint64_t usec) {
        /* the timer is another one's then: of an end, or of the power-off after the agent's */
        if (vm->ending || vm->facts.boot_timeout || vm->facts.agent_status >= 0)
                return;
        vm->facts.boot_limit_sec = (unsigned) (usec / SEC);
        vm_set_timer(vm, usec, on_boot_limit);
}

static int settle(Vm *vm) {
        _cleanup_free_ char *text = NULL;
        int status;

        vm->facts.id = vm->parameters->id;
        vm->facts.guest_status = vm->guest_status;
        vm->facts.console_line = vm->console.last;
        vm->facts.qemu_message = vm->errors.last;
        status = outcome_of(&vm->facts, &text);
        vm_agent_notice_end(vm, status);
        log_status(status == 0 ? LOG_INFO : LOG_ERR, "%s", text ?: "");
        return status;
}

static int fail(int status, const char *sentence) {
        log_status(LOG_ERR, "%s", sentence);
        return status;
}

/* A VM without namespaces does not start; one without Landlock does, and its journal says so. */
static void report_shortcoming(const Vm *vm) {
        const char *shortcoming = vm->config->sandbox ? sandbox_shortcoming() : NULL;

        if (shortcoming)
                log_message(LOG_WARNING, "%s", shortcoming);
}

/* A VM that this fails for runs all the same. */
static void keep_needs(const Vm *vm) {
        int r = vm->config->foreground ? 0 : unit_needs_keep(vm->config->runtime_dir, vm->parameters->id);

        if (r < 0)
                log_message(LOG_WARNING,
                                "A daemon-reload with a mistake in the VM's ini would end this VM, because what it needs cannot be linked: %s",
                                strerror(-r));
}

static int run_loop(Vm *vm, const GuestImage *image) {
        _cleanup_free_ char *why = NULL;
        bool kvm = choose_kvm(vm->parameters, image->architecture);
        uint64_t limit = vm->config->boot_limit_usec ?: kvm ? BOOT_LIMIT_KVM : BOOT_LIMIT_TCG;
        int r;

        r = vm_owner_watch(vm);
        if (r == -EPIPE)
                return fail(EXIT_SUCCESS, "The claude-run that this VM is for has ended");
        if (r >= 0)
                r = start(vm, image, kvm, &why);
        if (r == -EINVAL && why)
                return fail(EXIT_CONFIGURATION, why);
        if (r == -EUSERS)
                return fail(EXIT_CONFIGURATION,
                                "This kernel gives ordinary users no namespaces, which QEMU and virtiofsd are confined with; what to change: claude-run doctor");
        if (r < 0) {
                log_status(LOG_ERR, "Failed to prepare VM '%s': %s", vm->parameters->id, strerror(-r));
                return EXIT_QEMU_FAILED;
        }
        report_shortcoming(vm);
        report_nested(vm->parameters, image->architecture, kvm);
        keep_needs(vm);
        sd_notifyf(0, "STATUS=The guest %s (%s)", vm->facts.resuming ? "comes back" : "boots",
                        kvm ? "KVM" : "TCG");
        vm_limit_boot(vm, limit);
        r = sd_event_loop(vm->event);
        if (r < 0) {
                log_status(LOG_ERR, "Failed to run the event loop: %s", strerror(-r));
                vm_kill_qemu(vm);
                return EXIT_QEMU_FAILED;
        }
        vm_shares_end(vm);
        return settle(vm);
}

static int explain_directory(const ShareParameters *share, int error, char **ret_why) {
        if (error == -ELOOP)
                return why_say(ret_why, error,
                                "The directory '%s' of share '%s': a part of the path is a symbolic link now, which the guest of another VM could have made: put the directory back, or write the real path in the ini",
                                share->directory, share->tag);
        if (error == -ENOENT || error == -ENOTDIR)
                return why_say(ret_why, error,
                                "The directory '%s' of share '%s' does not exist: make it, or change the ini",
                                share->directory, share->tag);
        return why_say(ret_why, error, "The directory '%s' of share '%s' cannot be opened: %s",
                        share->directory, share->tag, strerror(-error));
}

/* A virtiofsd makes what may be made; the rest must be there, and at the place that the generator found. */
static int check_directories(const Parameters *p, char **ret_why) {
        for (unsigned i = 0; i < p->n_shares; i++) {
                const ShareParameters *share = p->shares + i;
                int fd;

                /* its virtiofsd follows links */
                if (share->named)
                        continue;
                fd = path_open_directory(share->directory);

                if (fd >= 0)
                        close(fd);
                else if (fd != -ENOENT || !share->create)
                        return explain_directory(share, fd, ret_why);
        }
        return 0;
}

/* One that is missing would be found by a unit that has less to say, and by ssh's only when the VM runs. */
static int check_programs(const RunConfig *config, char **ret_why) {
        const struct {
                const char *path, *package;
        } programs[] = {
                { config->virtiofsd, "virtiofsd, the Rust one (Debian: virtiofsd)" },
                { config->ssh, "the OpenSSH client (Debian: openssh-client)" },
                { config->ssh_keygen, "the OpenSSH client (Debian: openssh-client)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (programs[i].path && access(programs[i].path, X_OK) < 0)
                        return why_say(ret_why, -ENOENT,
                                        "'%s' is missing: install %s; what else is needed says: claude-run doctor",
                                        programs[i].path, programs[i].package);
        return 0;
}

static const char *qemu_of(const RunConfig *config, const Architecture *guest) {
        return guest == architecture_of_host() ? config->qemu : config->qemu_foreign;
}

static int check_architecture(
                const RunConfig *config, const Parameters *p, const GuestImage *image, char **ret_why) {
        const Architecture *guest = image->architecture;
        const char *qemu = qemu_of(config, guest), *machine = setting_value(p->values, SETTING_MACHINE);

        if (!qemu || access(qemu, X_OK) < 0)
                return why_say(ret_why, -ENOENT,
                                "'%s' is missing: install QEMU for %s guests (Debian: %s); what else is needed says: claude-run doctor",
                                qemu ?: "QEMU", guest->name, guest->package);
        if (!architecture_machine(guest, machine))
                return why_say(ret_why, -EINVAL,
                                "Machine=%s is not for the guest image '%s', which is of %s: write Machine=%s, or remove the line",
                                machine, image->directory, guest->name, guest->machines[0].word);
        if (guest != architecture_of_host() && setting_is(p->values, SETTING_ACCELERATOR, "kvm"))
                return why_say(ret_why, -EINVAL,
                                "Accelerator=kvm is not for the guest image '%s', which is of %s: KVM runs guests of %s alone here. Write Accelerator=tcg, or remove the line",
                                image->directory, guest->name, architecture_of_host()->name);
        return 0;
}

static Vm *vm_new(const RunConfig *config, const Parameters *parameters) {
        Vm *vm = calloc(1, sizeof(Vm));

        if (!vm || sd_event_new(&vm->event) < 0) {
                free(vm);
                return NULL;
        }
        vm->config = config;
        vm->parameters = parameters;
        vm->facts.agent_status = -1;
        vm->control_fd = vm->socket_fd = vm->owner_fd = vm->dev_shell_fd = vm->disk_fd = -EBADF;
        vm->tap_fd = vm->network_fd = vm->memory_fd = vm->reply_fd = -EBADF;
        vm->console.fd = vm->notify.fd = vm->errors.fd = -EBADF;
        return vm;
}

static void vm_free(Vm *vm) {
        qmp_free(vm->qmp);
        sd_event_source_disable_unref(vm->timer);
        vm_streams_done(vm);
        vm_control_done(vm);
        vm_clock_done(vm);
        vm_host_changes_done(vm);
        vm_idle_done(vm);
        vm_agent_done(vm);
        vm_migration_done(vm);
        vm_suspend_done(vm);
        free(vm->machine);
        free(vm->refusal);
        vm_owner_done(vm);
        vm_network_done(vm);
        if (vm->control_fd >= 0)
                close(vm->control_fd);
        if (vm->dev_shell_fd >= 0)
                close(vm->dev_shell_fd);
        if (vm->disk_fd >= 0)
                close(vm->disk_fd);
        sd_event_unref(vm->event);
        free(vm);
}

DEFINE_CLEANUP(Vm *, vm_free, vm_cleanup)

/* What the guest would have at /work is an empty directory otherwise, and the agent would work in that. */
static int suit_image(const GuestImage *image, Parameters *parameters) {
        int r = image->needs_work ? parameters_move_to_work(parameters) : 0;

        if (r > 0)
                log_message(LOG_WARNING,
                                "The work directory is at " GUEST_WORK
                                " in this guest, and not at its path of the host, because the image '%s' is of an earlier version. Make it again with: claude-vm-mkguest --force",
                                image->directory);
        return r;
}

/* Each time: what a cache would say of it lies where the image lies, in the hands of the same user. */
static int verify_image(
                const RunConfig *config, const GuestImage *image, const Parameters *p, char **ret_why) {
        const char *hash = setting_value(p->values, SETTING_GUEST_HASH);

        if (!hash)
                return 0;
        sd_notify(0, "STATUS=Compares the guest image with GuestHash=");
        return guest_image_verify(image, hash, config->sha256sum, ret_why);
}

int run_vm(const RunConfig *config, Parameters *parameters) {
        _cleanup_guest_image_ GuestImage *image = NULL;
        _cleanup_(vm_cleanup) Vm *vm = NULL;
        _cleanup_free_ char *why = NULL;
        int r;

        r = check_programs(config, &why);
        if (r >= 0)
                r = check_directories(parameters, &why);
        if (r >= 0)
                r = publish_prepare(config->vm_dir, parameters, &why);
        if (r >= 0)
                r = guest_image_find(setting_value(parameters->values, SETTING_GUEST),
                                setting_value(parameters->values, SETTING_AGENT), config->data_home, &image,
                                &why);
        if (r >= 0)
                r = check_architecture(config, parameters, image, &why);
        if (r >= 0)
                r = verify_image(config, image, parameters, &why);
        if (r >= 0)
                r = suit_image(image, parameters);
        if (r < 0)
                return fail(EXIT_CONFIGURATION, why ?: "No memory");
        vm = vm_new(config, parameters);
        if (!vm)
                return fail(EXIT_QEMU_FAILED, "No memory");
        vm->qemu = qemu_of(config, image->architecture);
        return run_loop(vm, image);
}
