/* QEMU as a child. Everything that it reads by name or inherits is there before it
 * starts; after its end what the guest still had to say is read before the event loop
 * ends. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/host/accelerator.h"
#include "helper/log.h"
#include "helper/sandbox/child-environment.h"
#include "helper/sandbox/sandbox.h"
#include "helper/vm/qemu-argv.h"
#include "helper/vm/vm.h"

#define LAST_WORD_GRACE (SEC / 2) /* a share's unit says why, a moment after QEMU's end */

/* What QEMU inherits, and our end of it. */
enum { PAIR_QMP, PAIR_NOTIFY, PAIR_CONTROL, PAIR_CONSOLE, N_PAIRS };

typedef struct Ends {
        int ours_qmp; /* the monitor's from when it is watched */
        int theirs[N_PAIRS], their_errors;
} Ends;

static void ends_done(Ends *e) {
        for (unsigned i = 0; i < N_PAIRS; i++)
                close_cleanup(&e->theirs[i]);
        close_cleanup(&e->their_errors);
        close_cleanup(&e->ours_qmp);
}

/* Our ends do not block; QEMU makes its own so. */
static int make_pair(int *ret_ours, int *ret_theirs) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        *ret_ours = pair[0];
        *ret_theirs = pair[1];
        return fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int make_ends(Vm *vm, Ends *e) {
        int *ours[N_PAIRS] = { &e->ours_qmp, &vm->notify.fd, &vm->control_fd, &vm->console.fd };
        int errors[2], r = 0;

        for (unsigned i = 0; r >= 0 && i < N_PAIRS; i++)
                r = make_pair(ours[i], &e->theirs[i]);
        if (r < 0)
                return r;
        if (pipe2(errors, O_CLOEXEC) < 0)
                return -errno;
        vm->errors.fd = errors[0];
        e->their_errors = errors[1];
        return fcntl(errors[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* What the child needs to become QEMU; made before fork(). */
typedef struct Launch {
        char *qemu; /* without links, as its root directory has it */
        char *socket_dir, *qemu_dir, *point;
        char **argv, **environment, **sockets;
        const GuestImage *image;
        const GuestCredentials *credentials;
        Ends ends;
} Launch;

static void launch_done(Launch *l) {
        free(l->qemu);
        free(l->socket_dir);
        free(l->qemu_dir);
        free(l->point);
        strv_free(l->argv);
        strv_free(l->environment);
        strv_free(l->sockets);
        ends_done(&l->ends);
}

static int make_argv(const Vm *vm, Launch *l, bool kvm) {
        const Ends *e = &l->ends;
        const QemuConfig config = {
                .qemu = l->qemu,
                .parameters = vm->parameters,
                .image = l->image,
                .socket_dir = l->socket_dir,
                .kvm = kvm,
                .tsc_khz = kvm || !l->image->architecture->has_tsc ? 0 : accelerator_tsc_khz(),
                .qmp_fd = e->theirs[PAIR_QMP],
                .notify_fd = e->theirs[PAIR_NOTIFY],
                .control_fd = e->theirs[PAIR_CONTROL],
                .console_fd = e->theirs[PAIR_CONSOLE],
                .tap_fd = vm->tap_fd,
                .credentials = l->credentials->items,
                .n_credentials = l->credentials->n,
                .dev_shell_fd = vm->dev_shell_fd,
                .incoming = vm->facts.resuming,
                .disk_fd = vm->disk_fd,
        };

        return qemu_argv(&config, &l->argv);
}

static int add_sockets(const Vm *vm, Launch *l) {
        const Parameters *p = vm->parameters;
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < p->n_shares; i++)
                r = strv_appendf(&l->sockets, "%s/%s:%s.sock", l->socket_dir, p->id, p->shares[i].tag);
        return r;
}

/* A program that is not there keeps its name, for the message of execve(). */
static char *without_links(const char *path) {
        return realpath(path, NULL) ?: strdup(path);
}

static int prepare(Vm *vm, Launch *l, bool kvm) {
        static const char *const nothing[] = { NULL };
        int r;

        l->qemu = without_links(vm->qemu);
        l->socket_dir = strjoin(vm->config->runtime_dir, "/claude-vm-fs", NULL);
        l->qemu_dir = strjoin(vm->config->vm_dir, "/qemu", NULL);
        l->point = strjoin(vm->config->vm_dir, "/root", NULL);
        if (!l->qemu || !l->socket_dir || !l->qemu_dir || !l->point)
                return -ENOMEM;
        r = directory_make(l->qemu_dir);
        if (r >= 0)
                r = directory_make(l->point);
        if (r >= 0)
                r = make_ends(vm, &l->ends);
        if (r >= 0)
                r = make_argv(vm, l, kvm);
        if (r >= 0)
                r = add_sockets(vm, l);
        return r < 0 ? r : child_environment(vm->config->qemu_variables ?: nothing, &l->environment);
}

static int enter_sandbox(const Vm *vm, const Launch *l) {
        const QemuSandbox sandbox = {
                .point = l->point,
                .qemu = l->qemu,
                .directory = l->qemu_dir,
                .sockets = l->sockets,
                .files = { l->image->kernel, l->image->initrd, l->image->root },
        };

        if (vm->config->sandbox)
                return sandbox_enter_qemu(&sandbox);
        return chdir(l->qemu_dir) < 0 ? -errno : 0;
}

static void let_inherit(const Vm *vm, const Launch *l) {
        for (unsigned i = 0; i < N_PAIRS; i++)
                fcntl(l->ends.theirs[i], F_SETFD, 0);
        for (unsigned i = 0; i < l->credentials->n; i++)
                fcntl(l->credentials->items[i].fd, F_SETFD, 0);
        fcntl(vm->tap_fd, F_SETFD, 0);
        if (vm->dev_shell_fd >= 0)
                fcntl(vm->dev_shell_fd, F_SETFD, 0);
        if (vm->disk_fd >= 0)
                fcntl(vm->disk_fd, F_SETFD, 0);
}

/* The child's side of fork(): becomes QEMU. */
static void __attribute__((noreturn)) exec_qemu(const Vm *vm, const Launch *l) {
        sigset_t none;
        int r;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        let_inherit(vm, l);
        if (dup2(l->ends.their_errors, STDERR_FILENO) < 0 || dup2(l->ends.their_errors, STDOUT_FILENO) < 0)
                _exit(127);
        /* A non-dumpable process may not write its own uid_map, so become dumpable again; execv() soon
         * replaces this memory, which has the guest's host key in it until then. */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        r = access(l->qemu, X_OK) < 0 ? 0 : enter_sandbox(vm, l);
        if (r < 0) {
                dprintf(STDERR_FILENO, "no sandbox for QEMU: %s\n", strerror(-r));
                _exit(127);
        }
        /* whatever kills us kills QEMU; after the change of credentials, which would undo it */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execve(l->qemu, l->argv, l->environment);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", l->qemu, strerror(errno));
        _exit(127);
}

/* --- its monitor ----------------------------------------------------------------------- */

static void on_qmp_ready(void *userdata, const char *version) {
        Vm *vm = userdata;

        strcpy(vm->qemu_version, version);
        if (vm->facts.resuming)
                vm_resume(vm);
}

/* QEMU's words for an errno, which a guest cannot choose. */
static const char *io_error_reason(sd_json_variant *data) {
        sd_json_variant *reason = data ? sd_json_variant_by_key(data, "reason") : NULL;

        return reason && sd_json_variant_is_string(reason) ? sd_json_variant_string(reason) : "I/O error";
}

static void on_qmp_event(void *userdata, const char *name, sd_json_variant *data) {
        Vm *vm = userdata;

        if (strcmp(name, "GUEST_PANICKED") == 0)
                vm->facts.panicked = true;
        else if (strcmp(name, "MIGRATION") == 0)
                vm_migration_event(vm, data);
        else if (strcmp(name, "BLOCK_IO_ERROR") == 0)
                vm_disk_failed(vm, io_error_reason(data));
}

/* Its end comes with QEMU's. A QEMU that hangs up and goes on, or breaks the protocol, is not to be trusted
 * any more. */
static void on_qmp_closed(void *userdata, const char *why) {
        if (strcmp(why, "end of file") == 0) {
                vm_expect_end(userdata);
                return;
        }
        log_message(LOG_ERR, "QEMU's monitor: %s; killing QEMU", why);
        vm_kill_qemu(userdata);
}

static const QmpHandlers qmp_handlers = {
        .ready = on_qmp_ready,
        .event = on_qmp_event,
        .closed = on_qmp_closed,
};

/* --- its end --------------------------------------------------------------------------- */

static int on_last_word(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        return sd_event_exit(vm->event, 0);
}

static int on_qemu_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Vm *vm = userdata;
        /* a killed QEMU takes its virtiofsds along, and we may see their end first */
        bool gave_up = info->si_code == CLD_EXITED && info->si_status != 0;

        vm->qemu_ended = true;
        /* the form of waitpid() */
        vm->facts.qemu_status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status;
        vm_streams_finish(vm);
        vm->share_timer = sd_event_source_disable_unref(vm->share_timer);
        /* a QEMU that gives up at its start may do so because of a share, whose unit says so in a moment */
        if (gave_up && vm_share_has_failed(vm))
                vm_share_has_died(vm);
        else if (gave_up && !vm->facts.ready && !vm->facts.stop_requested &&
                        sd_event_add_time_relative(vm->event, &vm->share_timer, CLOCK_MONOTONIC,
                                        LAST_WORD_GRACE, 0, on_last_word, vm) >= 0)
                return 0;
        return sd_event_exit(vm->event, 0);
}

/* --- the whole ------------------------------------------------------------------------- */

static int watch(Vm *vm, Ends *e) {
        int r = qmp_new(vm->event, e->ours_qmp, &qmp_handlers, vm, &vm->qmp);

        if (r < 0)
                return r;
        (void) TAKE_FD(e->ours_qmp);
        r = vm_streams_begin(vm);
        return r < 0 ? r : sd_event_add_child(vm->event, NULL, vm->pid, WEXITED, on_qemu_exit, vm);
}

static pid_t fork_qemu(const Vm *vm) {
        pid_t pid;

        if (vm->config->sandbox)
                return sandbox_fork_qemu();
        pid = fork();
        return pid < 0 ? -errno : pid;
}

int vm_start_qemu(Vm *vm, const GuestImage *image, const GuestCredentials *credentials, bool kvm) {
        _cleanup_(launch_done) Launch l = {
                .image = image,
                .credentials = credentials,
                .ends = { .ours_qmp = -EBADF, .their_errors = -EBADF },
        };
        int r;

        for (unsigned i = 0; i < N_PAIRS; i++)
                l.ends.theirs[i] = -EBADF;
        r = prepare(vm, &l, kvm);
        if (r < 0)
                return r;
        vm->pid = fork_qemu(vm);
        if (vm->pid < 0)
                return vm->pid;
        if (vm->pid == 0)
                exec_qemu(vm, &l);
        r = watch(vm, &l.ends);
        if (r < 0)
                vm_kill_qemu(vm);
        return r;
}
