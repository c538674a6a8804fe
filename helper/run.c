/* One QEMU, one event loop. Order matters at two places: everything that QEMU reads
 * by name or inherits is there before it starts, and after its end what the guest
 * still had to say is read before the outcome is settled.
 *
 * A stop is a ladder: the guest is asked over its control port, then by the ACPI
 * button, then QEMU is told to quit, then it is killed; a second SIGTERM goes to the
 * last step. A guest that is not up yet has nothing to save, so its QEMU quits at once. */

#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "accelerator.h"
#include "cleanup.h"
#include "guest-credentials.h"
#include "guest-image.h"
#include "guest-notify.h"
#include "guest-text.h"
#include "log.h"
#include "outcome.h"
#include "parameters.h"
#include "publish.h"
#include "qemu-argv.h"
#include "qmp.h"
#include "session-files.h"
#include "share.h"
#include "strv.h"

#define SEC 1000000ULL
#define BOOT_LIMIT_KVM (60 * SEC)
#define BOOT_LIMIT_TCG (150 * SEC)
#define POWEROFF_LIMIT (15 * SEC) /* from the agent's end to QEMU's */
#define SHARE_GRACE (SEC / 2)     /* a virtiofsd may end a moment before the QEMU that it ends with */
#define CONSOLE_LINES_MAX 1000U   /* in CONSOLE_WINDOW; the rest is counted */
#define CONSOLE_WINDOW (10 * SEC)
#define LAST_READ_MAX (1024 * 1024) /* of what a guest wrote before its end */
#define CONTROL_MESSAGE_MAX 256
#define SHARES_MAX 32

/* A stream of lines that QEMU or the guest writes. */
typedef struct Stream {
        int fd;
        sd_event_source *source;
        GuestText text;
        char last[GUEST_LINE_MAX + 1];
} Stream;

/* A virtiofsd: the process, not a child of ours. */
typedef struct ShareProcess {
        struct Vm *vm;
        char tag[SHARE_TAG_MAX + 1];
        int pidfd;
        sd_event_source *source;
} ShareProcess;

typedef struct Vm {
        const RunConfig *config;
        const Parameters *parameters;
        sd_event *event;
        Qmp *qmp;
        pid_t pid;
        bool qemu_ended;
        int control_fd; /* the guest's control port */
        int socket_fd;  /* ours, for share-exited */
        Stream console, notify, errors;
        sd_event_source *timer;       /* of the boot, then of the power-off or the stop */
        sd_event_source *share_timer; /* a share has ended: has QEMU too? */
        unsigned stop_step;
        unsigned console_lines, console_suppressed;
        uint64_t console_window;
        char guest_status[256];
        char share_tag[SHARE_TAG_MAX + 1], share_result[64];
        ShareProcess processes[SHARES_MAX];
        unsigned n_processes;
        int owner_fd; /* pidfd of a claude-run */
        sd_event_source *owner;
        Facts facts;
} Vm;

DEFINE_CLEANUP(sd_event *, sd_event_unref, event_cleanup)
DEFINE_CLEANUP(GuestImage *, guest_image_free, guest_image_cleanup)

static void kill_qemu(Vm *vm) {
        if (!vm->qemu_ended)
                kill(vm->pid, SIGKILL);
}

static void quit_qemu(Vm *vm) {
        if (!vm->qmp || qmp_execute(vm->qmp, "quit", NULL, NULL, NULL) < 0)
                kill_qemu(vm);
}

static void set_timer(Vm *vm, uint64_t usec, sd_event_time_handler_t handler) {
        vm->timer = sd_event_source_disable_unref(vm->timer);
        if (sd_event_add_time_relative(vm->event, &vm->timer, CLOCK_MONOTONIC, usec, 0, handler, vm) < 0)
                kill_qemu(vm);
}

/* --- the stop -------------------------------------------------------------------------- */

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void stop_step(Vm *vm) {
        static const char word[] = "poweroff\n";

        switch (vm->stop_step++) {
        case 0:
                if (send(vm->control_fd, word, strlen(word), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                        log_message(LOG_NOTICE, "The guest does not take a request to power off");
                set_timer(vm, 2 * vm->config->stop_step_usec, on_stop_timer);
                break;
        case 1:
                log_message(LOG_NOTICE, "The guest does not power off; pressing its power button");
                if (vm->qmp)
                        (void) qmp_execute(vm->qmp, "system_powerdown", NULL, NULL, NULL);
                set_timer(vm, vm->config->stop_step_usec, on_stop_timer);
                break;
        case 2:
                log_message(LOG_NOTICE, "The guest does not power off; ending QEMU");
                quit_qemu(vm);
                set_timer(vm, vm->config->stop_step_usec / 2, on_stop_timer);
                break;
        default:
                kill_qemu(vm);
        }
}

static int on_stop_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        stop_step(userdata);
        return 0;
}

static void request_stop(Vm *vm) {
        if (vm->facts.stop_requested || !vm->facts.ready)
                vm->stop_step = vm->stop_step < 2 ? 2 : 3;
        vm->facts.stop_requested = true;
        sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
        stop_step(vm);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        request_stop(userdata);
        return 0;
}

/* --- the claude-run that a VM is for --------------------------------------------------- */

static int on_owner_exit(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Vm *vm = userdata;

        vm->owner = sd_event_source_disable_unref(vm->owner);
        log_message(LOG_INFO, "The claude-run that this VM is for has ended");
        request_stop(vm);
        return 0;
}

static void owner_is(Vm *vm, pid_t pid) {
        if (vm->owner_fd >= 0)
                return;
        vm->owner_fd = pidfd_open(pid, 0);
        if (vm->owner_fd < 0)
                request_stop(vm);
        else if (sd_event_add_io(vm->event, &vm->owner, vm->owner_fd, EPOLLIN, on_owner_exit, vm) < 0)
                log_message(LOG_WARNING, "Failed to watch the claude-run that this VM is for");
}

/* --- the guest's word ------------------------------------------------------------------ */

static int on_poweroff_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        log_message(LOG_WARNING, "The agent has ended, but the guest does not power off; ending QEMU");
        quit_qemu(userdata);
        return 0;
}

static void guest_is_ready(Vm *vm) {
        if (vm->facts.ready)
                return;
        vm->facts.ready = true;
        vm->timer = sd_event_source_disable_unref(vm->timer);
        sd_notify(0, "READY=1\nSTATUS=The agent runs");
        log_message(LOG_INFO, "The guest is ready");
}

static void agent_has_ended(Vm *vm, int status) {
        vm->facts.agent_status = status;
        sd_notifyf(0, "STATUS=The agent exited with status %d", status);
        if (!vm->facts.stop_requested)
                set_timer(vm, POWEROFF_LIMIT, on_poweroff_limit);
}

static void on_notify_line(void *userdata, const char *line) {
        Vm *vm = userdata;
        char copy[GUEST_LINE_MAX + 1];
        GuestMessage message;

        strcpy(copy, line);
        message = guest_notify_parse(copy);
        switch (message.word) {
        case GUEST_READY:
                guest_is_ready(vm);
                break;
        case GUEST_STATUS:
                snprintf(vm->guest_status, sizeof(vm->guest_status), "%s", message.text);
                sd_notifyf(0, "STATUS=%s", message.text);
                break;
        case GUEST_EXIT_STATUS:
                agent_has_ended(vm, message.number);
                break;
        case GUEST_UNKNOWN:
                /* not even repeated: the console is the place for what a guest has to say */
                break;
        }
}

/* --- what is written to the journal ---------------------------------------------------- */

static void on_error_line(void *userdata, const char *line) {
        Vm *vm = userdata;

        strcpy(vm->errors.last, line);
        log_line(LOG_WARNING, "qemu", line);
}

/* A guest that floods its console fills neither the journal nor this loop's time. */
static void on_console_line(void *userdata, const char *line) {
        Vm *vm = userdata;
        uint64_t now = 0;

        (void) sd_event_now(vm->event, CLOCK_MONOTONIC, &now);
        if (now - vm->console_window > CONSOLE_WINDOW) {
                if (vm->console_suppressed > 0)
                        log_message(LOG_NOTICE, "%u lines of the guest's console left out",
                                        vm->console_suppressed);
                vm->console_window = now;
                vm->console_lines = vm->console_suppressed = 0;
        }
        strcpy(vm->console.last, line);
        if (++vm->console_lines > CONSOLE_LINES_MAX)
                vm->console_suppressed++;
        else
                log_line(LOG_INFO, "claude-vm-guest", line);
}

/* One read; false when there is no more to come. */
static bool stream_read(Stream *s) {
        char buffer[8192];
        ssize_t n = read(s->fd, buffer, sizeof(buffer));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return true;
        if (n <= 0)
                return false;
        guest_text_feed(&s->text, buffer, (size_t) n);
        return true;
}

static int on_stream(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Stream *s = userdata;

        if (!stream_read(s))
                s->source = sd_event_source_disable_unref(s->source);
        return 0;
}

/* QEMU has ended: what it still wrote is there, then the end of file. */
static void stream_finish(Stream *s) {
        char buffer[8192];
        ssize_t n;

        for (size_t total = 0; total < LAST_READ_MAX && (n = read(s->fd, buffer, sizeof(buffer))) > 0;
                        total += (size_t) n)
                guest_text_feed(&s->text, buffer, (size_t) n);
        guest_text_end(&s->text);
}

static int stream_begin(Vm *vm, Stream *s, int64_t priority, guest_line_handler handler) {
        int r;

        s->text.handler = handler;
        s->text.userdata = vm;
        r = sd_event_add_io(vm->event, &s->source, s->fd, EPOLLIN, on_stream, s);
        return r < 0 ? r : sd_event_source_set_priority(s->source, priority);
}

static void stream_done(Stream *s) {
        s->source = sd_event_source_disable_unref(s->source);
        if (s->fd >= 0)
                close(s->fd);
}

/* --- shares ---------------------------------------------------------------------------- */

static void share_has_died(Vm *vm) {
        vm->facts.dead_share = vm->share_tag;
        vm->facts.share_result = vm->share_result;
}

static int on_share_grace(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        share_has_died(vm);
        /* the guest may hang on the dead share, so it is not asked */
        kill_qemu(vm);
        return 0;
}

/* How it ended comes from its unit a moment later, or not at all when that is killed too. */
static void share_has_ended(Vm *vm, const char *tag, const char *result) {
        bool known = vm->share_tag[0];

        if ((known && strcmp(vm->share_tag, tag) != 0) || vm->facts.stop_requested ||
                        vm->facts.agent_status >= 0)
                return;
        if (!known || strcmp(result, "has ended") != 0) {
                snprintf(vm->share_tag, sizeof(vm->share_tag), "%s", tag);
                snprintf(vm->share_result, sizeof(vm->share_result), "%s", result);
        }
        if (vm->qemu_ended) {
                share_has_died(vm);
                sd_event_exit(vm->event, 0);
        } else if (!vm->share_timer &&
                        sd_event_add_time_relative(vm->event, &vm->share_timer, CLOCK_MONOTONIC, SHARE_GRACE,
                                        0, on_share_grace, vm) < 0)
                on_share_grace(NULL, 0, vm);
}

static int on_share_process(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ShareProcess *p = userdata;

        p->source = sd_event_source_disable_unref(p->source);
        share_has_ended(p->vm, p->tag, "has ended");
        return 0;
}

/* The sender is about to become virtiofsd: its end is seen here, whoever else is killed with it. */
static void share_has_started(Vm *vm, const char *tag, pid_t pid) {
        ShareProcess *p = vm->processes + vm->n_processes;

        if (vm->n_processes == SHARES_MAX)
                return;
        p->pidfd = pidfd_open(pid, 0);
        if (p->pidfd < 0) {
                share_has_ended(vm, tag, "has ended");
                return;
        }
        p->vm = vm;
        snprintf(p->tag, sizeof(p->tag), "%s", tag);
        vm->n_processes++;
        if (sd_event_add_io(vm->event, &p->source, p->pidfd, EPOLLIN, on_share_process, p) < 0)
                log_message(LOG_WARNING, "Failed to watch the virtiofsd of share '%s'", tag);
}

/* One message and the process that it is from; the length, 0 for none or a stranger's. */
static size_t receive(int fd, char *buffer, size_t size, pid_t *ret_pid) {
        union {
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
                struct cmsghdr align;
        } control;
        struct iovec iov = { .iov_base = buffer, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        const struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
        struct ucred sender;

        if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_CREDENTIALS)
                return 0;
        memcpy(&sender, CMSG_DATA(cmsg), sizeof(sender));
        *ret_pid = sender.pid;
        return sender.uid == getuid() ? (size_t) n : 0;
}

/* "SHARE_STARTED=TAG" from our own `virtiofsd`, "SHARE_EXITED=TAG\nwas killed by signal KILL" from
 * `share-exited`, "OWNER" from a claude-run whose end is to be the VM's. */
static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Vm *vm = userdata;
        char message[CONTROL_MESSAGE_MAX + 1], tag[SHARE_TAG_MAX + 1], result[64];
        pid_t pid = 0;
        size_t n = receive(fd, message, sizeof(message) - 1, &pid);

        message[n] = '\0';
        if (sscanf(message, "SHARE_STARTED=%16[a-z0-9_]", tag) == 1)
                share_has_started(vm, tag, pid);
        else if (strcmp(message, "OWNER") == 0)
                owner_is(vm, pid);
        else if (sscanf(message, "SHARE_EXITED=%16[a-z0-9_]\n%63[a-zA-Z0-9 ]", tag, result) == 2)
                share_has_ended(vm, tag, result);
        return 0;
}

static int listen_for_shares(Vm *vm) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const int on = 1;

        if ((size_t) snprintf(address.sun_path, sizeof(address.sun_path), "%s/control",
                            vm->config->directory) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        vm->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (vm->socket_fd < 0)
                return -errno;
        unlink(address.sun_path);
        if (setsockopt(vm->socket_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
                        bind(vm->socket_fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return sd_event_add_io(vm->event, NULL, vm->socket_fd, EPOLLIN, on_socket, vm);
}

/* --- QEMU ------------------------------------------------------------------------------ */

static void forward_failed(const char *why) {
        log_message(LOG_ERR, "QEMU forwards no port for sessions: %s", why);
}

unsigned run_parse_usernet(const char *table) {
        static const char row[] = "TCP[HOST_FORWARD]";
        const char *p = strstr(table, row);
        unsigned port = 0, guest_port = 0;

        if (!p || sscanf(p + strlen(row), "%*d %*15[0-9.] %u %*15[0-9.] %u", &port, &guest_port) != 2 ||
                        guest_port != 22 || port > 65535)
                return 0;
        return port;
}

static void on_usernet(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        char address[64];
        unsigned port = 0;
        int r;

        if (result && sd_json_variant_is_string(result))
                port = run_parse_usernet(sd_json_variant_string(result));
        if (port == 0) {
                forward_failed(error ?: "it does not name the port");
                return;
        }
        snprintf(address, sizeof(address), "tcp 127.0.0.1 %u", port);
        r = session_files_write_address(vm->config->directory, address);
        if (r < 0)
                forward_failed(strerror(-r));
}

static void on_forward_tcp(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        const char *text = result && sd_json_variant_is_string(result) ? sd_json_variant_string(result) : "";

        if (error || text[0])
                forward_failed(error ?: text);
        else if (qmp_execute(vm->qmp, "human-monitor-command", "command-line", "info usernet", on_usernet) <
                        0)
                forward_failed("it takes no command");
}

static void on_forward_unix(void *userdata, sd_json_variant *result, const char *error) {
        Vm *vm = userdata;
        const char *text = result && sd_json_variant_is_string(result) ? sd_json_variant_string(result) : "";
        int r;

        if (error || text[0]) {
                forward_failed(error ?: text);
                return;
        }
        r = session_files_write_address(vm->config->directory, "unix ssh.sock");
        if (r < 0)
                forward_failed(strerror(-r));
}

/* From QEMU 10.1 on a socket that only this user can open. It cuts a path at its first hyphen, so the
 * path is a bare name in QEMU's working directory. */
static void on_qmp_ready(void *userdata, unsigned major, unsigned minor) {
        Vm *vm = userdata;
        bool unix_socket = major > 10 || (major == 10 && minor >= 1);

        log_message(LOG_DEBUG, "QEMU %u.%u", major, minor);
        if (qmp_execute(vm->qmp, "human-monitor-command", "command-line",
                            unix_socket ? "hostfwd_add net0 unix:ssh.sock-:22"
                                        : "hostfwd_add net0 tcp:127.0.0.1:0-:22",
                            unix_socket ? on_forward_unix : on_forward_tcp) < 0)
                forward_failed("it takes no command");
}

static void on_qmp_event(void *userdata, const char *name, sd_json_variant *data) {
        Vm *vm = userdata;
        sd_json_variant *guest = data ? sd_json_variant_by_key(data, "guest") : NULL;

        if (strcmp(name, "SHUTDOWN") == 0 && guest && sd_json_variant_is_boolean(guest))
                vm->facts.guest_shutdown = sd_json_variant_boolean(guest);
        else if (strcmp(name, "GUEST_PANICKED") == 0)
                vm->facts.panicked = true;
}

/* Its end comes with QEMU's; before that it means that QEMU is not to be trusted any more. */
static void on_qmp_closed(void *userdata, const char *why) {
        Vm *vm = userdata;

        if (strcmp(why, "end of file") == 0)
                return;
        log_message(LOG_ERR, "QEMU's monitor: %s; killing QEMU", why);
        kill_qemu(vm);
}

static const QmpHandlers qmp_handlers = {
        .ready = on_qmp_ready,
        .event = on_qmp_event,
        .closed = on_qmp_closed,
};

static int on_last_word(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        return sd_event_exit(vm->event, 0);
}

static int on_qemu_exit(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Vm *vm = userdata;

        vm->qemu_ended = true;
        /* the form of waitpid() */
        vm->facts.qemu_status = info->si_code == CLD_EXITED ? info->si_status << 8 : info->si_status;
        stream_finish(&vm->notify);
        stream_finish(&vm->console);
        stream_finish(&vm->errors);
        /* a QEMU that gives up while it starts may do so for a share's sake: its unit says so in a moment */
        if (vm->facts.qemu_status != 0 && vm->share_tag[0])
                share_has_died(vm);
        else if (vm->facts.qemu_status != 0 && !vm->facts.ready && !vm->facts.stop_requested)
                return sd_event_add_time_relative(vm->event, &vm->share_timer, CLOCK_MONOTONIC, SHARE_GRACE,
                                0, on_last_word, vm);
        return sd_event_exit(vm->event, 0);
}

static int on_boot_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        vm->facts.boot_timeout = true;
        quit_qemu(vm);
        set_timer(vm, 2 * SEC, on_stop_timer);
        vm->stop_step = 3;
        return 0;
}

/* The child's side of fork(): becomes QEMU. */
static void __attribute__((noreturn)) exec_qemu(
                const Vm *vm, char **argv, const int *inherited, unsigned n, int errors_fd) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        /* whatever kills us kills QEMU */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned i = 0; i < n; i++)
                fcntl(inherited[i], F_SETFD, 0);
        if (dup2(errors_fd, STDERR_FILENO) < 0 || dup2(errors_fd, STDOUT_FILENO) < 0 ||
                        chdir(vm->config->directory) < 0)
                _exit(127);
        /* what only the helper may say to systemd */
        unsetenv("NOTIFY_SOCKET");
        execv(argv[0], argv);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
}

static int make_pair(int type, int ret[2]) {
        return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

/* Our ends do not block; QEMU makes its own so. */
static int make_pairs(Vm *vm, int theirs[4], int *ret_qmp) {
        int *ours[] = { ret_qmp, &vm->notify.fd, &vm->control_fd, &vm->console.fd };
        int pair[2], r;

        for (unsigned i = 0; i < 4; i++) {
                r = make_pair(SOCK_STREAM, pair);
                if (r < 0)
                        return r;
                *ours[i] = pair[0];
                theirs[i] = pair[1];
                if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
                        return -errno;
        }
        return 0;
}

static int spawn_qemu(Vm *vm, const GuestImage *image, const GuestCredentials *credentials, bool kvm,
                int *ret_qmp) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *socket_dir = NULL;
        int theirs[4] = { -EBADF, -EBADF, -EBADF, -EBADF }, errors[2] = { -EBADF, -EBADF };
        int inherited[4 + GUEST_CREDENTIALS_MAX];
        unsigned n = 0;
        int r;

        r = make_pairs(vm, theirs, ret_qmp);
        if (r >= 0 && pipe2(errors, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0 && asprintf(&socket_dir, "%s/claude-vm-fs", vm->config->runtime_dir) < 0)
                r = -ENOMEM;
        if (r >= 0) {
                const QemuConfig config = {
                        .qemu = vm->config->qemu,
                        .parameters = vm->parameters,
                        .image = image,
                        .socket_dir = socket_dir,
                        .kvm = kvm,
                        .tsc_khz = kvm ? 0 : accelerator_tsc_khz(),
                        .qmp_fd = theirs[0],
                        .notify_fd = theirs[1],
                        .control_fd = theirs[2],
                        .console_fd = theirs[3],
                        .credentials = credentials->items,
                        .n_credentials = credentials->n,
                };

                r = qemu_argv(&config, &argv);
        }
        for (unsigned i = 0; i < 4; i++)
                inherited[n++] = theirs[i];
        for (unsigned i = 0; i < credentials->n; i++)
                inherited[n++] = credentials->items[i].fd;
        if (r >= 0) {
                vm->errors.fd = errors[0];
                (void) fcntl(errors[0], F_SETFL, O_NONBLOCK);
                vm->pid = fork();
                if (vm->pid == 0)
                        exec_qemu(vm, argv, inherited, n, errors[1]);
                r = vm->pid < 0 ? -errno : 0;
        }
        for (unsigned i = 0; i < 4; i++)
                if (theirs[i] >= 0)
                        close(theirs[i]);
        if (errors[1] >= 0)
                close(errors[1]);
        return r;
}

/* --- the whole ------------------------------------------------------------------------- */

static bool choose_kvm(const Parameters *p) {
        const char *why = "";

        if (strcmp(p->accelerator, "tcg") == 0)
                return false;
        if (strcmp(p->accelerator, "kvm") == 0)
                return true;
        if (accelerator_kvm_works(&why))
                return true;
        log_message(LOG_WARNING, "No KVM, so the VM runs under emulation (TCG), ten times slower: %s", why);
        return false;
}

static int add_sources(Vm *vm, int qmp_fd) {
        int r;

        r = qmp_new(vm->event, qmp_fd, &qmp_handlers, vm, &vm->qmp);
        if (r < 0) {
                close(qmp_fd);
                return r;
        }
        /* the word before the noise, QEMU's end after both */
        r = stream_begin(vm, &vm->notify, SD_EVENT_PRIORITY_NORMAL - 1, on_notify_line);
        if (r >= 0)
                r = stream_begin(vm, &vm->console, SD_EVENT_PRIORITY_NORMAL + 1, on_console_line);
        if (r >= 0)
                r = stream_begin(vm, &vm->errors, SD_EVENT_PRIORITY_NORMAL, on_error_line);
        if (r >= 0)
                r = sd_event_add_child(vm->event, NULL, vm->pid, WEXITED, on_qemu_exit, vm);
        return r;
}

/* All that comes before QEMU's start; a sentence in `ret_why` if it is the user's to mend. */
static int prepare(Vm *vm, const GuestImage *image, bool kvm, int *ret_qmp, char **ret_why) {
        GuestCredentials credentials = {};
        SessionKeys keys = {};
        int r;

        r = session_files_make(vm->config->ssh_keygen, vm->config->directory, vm->parameters->id, &keys);
        if (r >= 0)
                r = share_write_files(vm->config->directory, vm->parameters);
        if (r >= 0)
                r = listen_for_shares(vm);
        if (r >= 0)
                r = guest_credentials_make(
                                vm->parameters, &keys, vm->config->secrets_dir, &credentials, ret_why);
        if (r >= 0)
                r = spawn_qemu(vm, image, &credentials, kvm, ret_qmp);
        guest_credentials_done(&credentials);
        session_keys_done(&keys);
        return r;
}

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

static int settle(Vm *vm) {
        _cleanup_free_ char *text = NULL;
        int status;

        vm->facts.id = vm->parameters->id;
        vm->facts.guest_status = vm->guest_status;
        vm->facts.console_line = vm->console.last;
        vm->facts.qemu_message = vm->errors.last;
        status = outcome_of(&vm->facts, &text);
        sd_notifyf(0, "STATUS=%s", text ?: "");
        log_message(status == 0 ? LOG_INFO : LOG_ERR, "%s", text ?: "");
        return status;
}

static int fail(int status, const char *sentence) {
        sd_notifyf(0, "STATUS=%s", sentence);
        log_message(LOG_ERR, "%s", sentence);
        return status;
}

static int run_loop(Vm *vm, const GuestImage *image) {
        _cleanup_free_ char *why = NULL;
        bool kvm = choose_kvm(vm->parameters);
        uint64_t limit = kvm ? BOOT_LIMIT_KVM : BOOT_LIMIT_TCG;
        int qmp_fd = -EBADF, r;

        if (vm->config->boot_limit_usec > 0)
                limit = vm->config->boot_limit_usec;
        vm->facts.boot_limit_sec = (unsigned) (limit / SEC);
        r = prepare(vm, image, kvm, &qmp_fd, &why);
        if (r == -EINVAL && why)
                return fail(EXIT_CONFIGURATION, why);
        if (r >= 0)
                r = add_sources(vm, qmp_fd);
        if (r < 0) {
                log_message(LOG_ERR, "Failed to prepare VM '%s': %s", vm->parameters->id, strerror(-r));
                return EXIT_QEMU_FAILED;
        }
        sd_notifyf(0, "STATUS=The guest boots (%s)", kvm ? "KVM" : "TCG");
        set_timer(vm, limit, on_boot_limit);
        r = sd_event_loop(vm->event);
        if (r < 0) {
                log_message(LOG_ERR, "Failed to run the event loop: %s", strerror(-r));
                kill_qemu(vm);
                return EXIT_QEMU_FAILED;
        }
        return settle(vm);
}

/* What is to be made is made by its virtiofsd; the rest has to be there. */
static int check_directories(const Parameters *p, char **ret_why) {
        struct stat st;

        for (unsigned i = 0; i < p->n_shares; i++) {
                const ShareParameters *share = p->shares + i;

                if (share->create || (stat(share->directory, &st) == 0 && S_ISDIR(st.st_mode)))
                        continue;
                if (asprintf(ret_why,
                                    "The directory '%s' of share '%s' does not exist: make it, or change "
                                    "the ini",
                                    share->directory, share->tag) < 0)
                        *ret_why = NULL;
                return -ENOENT;
        }
        return 0;
}

int run_vm(const RunConfig *config, const Parameters *parameters) {
        _cleanup_(guest_image_cleanup) GuestImage *image = NULL;
        _cleanup_(event_cleanup) sd_event *event = NULL;
        _cleanup_free_ char *why = NULL;
        Vm *vm;
        int r, status;

        r = check_directories(parameters, &why);
        if (r >= 0)
                r = publish_prepare(config->directory, parameters, &why);
        if (r >= 0)
                r = guest_image_find(parameters->guest, parameters->agent, config->data_home, &image, &why);
        if (r < 0)
                return fail(EXIT_CONFIGURATION, why ?: "No memory");
        vm = calloc(1, sizeof(Vm));
        if (!vm || sd_event_new(&event) < 0) {
                free(vm);
                return fail(EXIT_QEMU_FAILED, "No memory");
        }
        vm->config = config;
        vm->parameters = parameters;
        vm->event = event;
        vm->facts.agent_status = -1;
        vm->control_fd = vm->socket_fd = vm->owner_fd = -EBADF;
        vm->console.fd = vm->notify.fd = vm->errors.fd = -EBADF;

        status = block_signals(vm) < 0 ? EXIT_QEMU_FAILED : run_loop(vm, image);

        vm->qmp = qmp_free(vm->qmp);
        sd_event_source_disable_unref(vm->timer);
        sd_event_source_disable_unref(vm->share_timer);
        stream_done(&vm->console);
        stream_done(&vm->notify);
        stream_done(&vm->errors);
        if (vm->control_fd >= 0)
                close(vm->control_fd);
        if (vm->socket_fd >= 0)
                close(vm->socket_fd);
        sd_event_source_disable_unref(vm->owner);
        if (vm->owner_fd >= 0)
                close(vm->owner_fd);
        for (unsigned i = 0; i < vm->n_processes; i++) {
                sd_event_source_disable_unref(vm->processes[i].source);
                close(vm->processes[i].pidfd);
        }
        free(vm);
        return status;
}
