/* The socket `control` in the VM's directory, for programs of ours alone: a virtiofsd
 * says that it starts, and is watched by pidfd from then on, and how it ended; and claude-run
 * asks for a suspend, or for other memory. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/unix-socket.h"
#include "helper/log.h"
#include "helper/share/control-message.h"
#include "helper/vm/vm.h"

#define SHARE_GRACE (SEC / 2)     /* a virtiofsd may end a moment before the QEMU that it ends with */
#define SHARE_END_LIMIT (2 * SEC) /* of all of them together, once QEMU has ended */
#define SHARE_ENDED "has ended"   /* until its unit says more */

/* --- shares ---------------------------------------------------------------------------- */

void vm_share_has_died(Vm *vm) {
        vm->facts.dead_share = vm->share_tag;
        vm->facts.share_result = vm->share_result;
}

static int on_share_grace(sd_event_source *source, uint64_t usec, void *userdata) {
        Vm *vm = userdata;

        if (vm->share_tag[0])
                vm_share_has_died(vm);
        else
                log_message(LOG_WARNING, "QEMU has lost a share at its end and goes on; killing it");
        /* the guest may hang on the dead share, so it is not asked */
        vm_kill_qemu(vm);
        return 0;
}

/* QEMU's end, or its death. */
static void set_grace(Vm *vm) {
        if (!vm->qemu_ended && !vm->share_timer &&
                        sd_event_add_time_relative(vm->event, &vm->share_timer, CLOCK_MONOTONIC, SHARE_GRACE,
                                        0, on_share_grace, vm) < 0)
                on_share_grace(NULL, 0, vm);
}

/* False for a share that ended normally with QEMU, and while its unit has not yet reported how it ended. */
static bool is_failure(const char *result) {
        return strcmp(result, SHARE_ENDED) != 0 && strcmp(result, "exited with status 0") != 0;
}

bool vm_share_has_failed(const Vm *vm) {
        return vm->share_tag[0] && is_failure(vm->share_result);
}

/* How it ended comes from its unit a moment later, or not at all when that is killed too. */
static void share_has_ended(Vm *vm, const char *tag, const char *result) {
        bool known = vm->share_tag[0], other = known && strcmp(vm->share_tag, tag) != 0;

        /* it quits, and has a memory to free before it does */
        if (vm->facts.suspended)
                return;
        /* no failure any more, but a QEMU that outlives its shares may connect to fresh ones */
        if (vm->facts.stop_requested || vm->facts.agent_status >= 0) {
                set_grace(vm);
                return;
        }
        /* the first failure is the reason for the others */
        if (other && (vm_share_has_failed(vm) || !is_failure(result)))
                return;
        if (!known || strcmp(result, SHARE_ENDED) != 0) {
                snprintf(vm->share_tag, sizeof(vm->share_tag), "%s", tag);
                snprintf(vm->share_result, sizeof(vm->share_result), "%s", result);
        }
        if (vm->qemu_ended) {
                if (!vm_share_has_failed(vm))
                        return;
                vm_share_has_died(vm);
                sd_event_exit(vm->event, 0);
        } else
                set_grace(vm);
}

static int on_share_process(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ShareProcess *p = userdata;

        p->source = sd_event_source_disable_unref(p->source);
        share_has_ended(p->vm, p->tag, SHARE_ENDED);
        return 0;
}

/* The sender is about to become virtiofsd. The pidfd shows its end even if its whole unit is killed. */
static void share_has_started(Vm *vm, const char *tag, pid_t pid) {
        ShareProcess *p = vm->processes + vm->n_processes;

        if (vm->n_processes == SHARES_MAX)
                return;
        p->pidfd = pidfd_open(pid, 0);
        if (p->pidfd < 0) {
                share_has_ended(vm, tag, SHARE_ENDED);
                return;
        }
        p->vm = vm;
        snprintf(p->tag, sizeof(p->tag), "%s", tag);
        vm->n_processes++;
        if (sd_event_add_io(vm->event, &p->source, p->pidfd, EPOLLIN, on_share_process, p) < 0)
                log_message(LOG_WARNING, "Failed to watch the virtiofsd of share '%s'", tag);
}

/* --- the socket ------------------------------------------------------------------------ */

/* Receives one message, its sender, and the descriptor that came with it, which the caller closes. Returns
 * its length, or 0 for none or another user's. */
static size_t receive(int fd, char *buffer, size_t size, pid_t *ret_pid, int *ret_fd) {
        union {
                char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
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
        struct ucred sender = { .uid = (uid_t) -1 };

        for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; c; c = CMSG_NXTHDR(&message, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS)
                        memcpy(&sender, CMSG_DATA(c), sizeof(sender));
                else if (c->cmsg_type == SCM_RIGHTS)
                        memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
        }
        *ret_pid = sender.pid;
        return n > 0 && sender.uid == getuid() ? (size_t) n : 0;
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Vm *vm = userdata;
        char text[CONTROL_MESSAGE_MAX + 1];
        ControlMessage message;
        pid_t pid = 0;
        _cleanup_close_ int passed_fd = -EBADF;
        size_t n = receive(fd, text, sizeof(text) - 1, &pid, &passed_fd);

        text[n] = '\0';
        message = control_message_parse(text);
        if (message.word == CONTROL_SHARE_STARTED)
                share_has_started(vm, message.tag, pid);
        else if (message.word == CONTROL_SHARE_EXITED)
                share_has_ended(vm, message.tag, message.result);
        else if (message.word == CONTROL_SUSPEND)
                vm_suspend(vm, TAKE_FD(passed_fd));
        else if (message.word == CONTROL_MEMORY)
                vm_set_memory(vm, message.memory_mib, TAKE_FD(passed_fd));
        return 0;
}

int vm_control_listen(Vm *vm) {
        _cleanup_free_ char *path = strjoin(vm->config->vm_dir, "/control", NULL);
        const int on = 1;
        int r;

        if (!path)
                return -ENOMEM;
        vm->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (vm->socket_fd < 0)
                return -errno;
        if (setsockopt(vm->socket_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        r = unix_bind(vm->socket_fd, path);
        return r < 0 ? r : sd_event_add_io(vm->event, NULL, vm->socket_fd, EPOLLIN, on_socket, vm);
}

/* Ends a virtiofsd that has not ended with QEMU, as one that hangs in a file system does: its unit would
 * stay up, and keep the next start from its socket. systemd ends what is left of the unit. */
static void end_share(const ShareProcess *p, uint64_t deadline) {
        struct pollfd poll_fd = { .fd = p->pidfd, .events = POLLIN };
        uint64_t now = usec_now(CLOCK_MONOTONIC);

        if (poll(&poll_fd, 1, now < deadline ? (int) ((deadline - now) / 1000) : 0) > 0)
                return;
        log_message(LOG_WARNING, "The virtiofsd of share '%s' hangs; killing it", p->tag);
        if (pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0) < 0)
                log_message(LOG_WARNING, "Failed to kill the virtiofsd of share '%s': %s", p->tag,
                                strerror(errno));
}

void vm_shares_end(const Vm *vm) {
        uint64_t deadline = usec_now(CLOCK_MONOTONIC) + SHARE_END_LIMIT;

        for (unsigned i = 0; i < vm->n_processes; i++)
                end_share(&vm->processes[i], deadline);
}

void vm_control_done(Vm *vm) {
        if (vm->socket_fd >= 0)
                close(vm->socket_fd);
        sd_event_source_disable_unref(vm->share_timer);
        for (unsigned i = 0; i < vm->n_processes; i++) {
                sd_event_source_disable_unref(vm->processes[i].source);
                close(vm->processes[i].pidfd);
        }
}
