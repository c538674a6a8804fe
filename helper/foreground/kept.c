/* Two processes hold a socket: claude-run, which runs the agent's session, and the keeper, the parent of the
 * VM's programs. Whichever way claude-run ends, the keeper reads the end of the socket and ends the VM. If
 * the keeper is killed, the kernel kills its programs (foreground_bind()), and QEMU with its helper.
 *
 * The order of an end matters: first the VM's helper, which lets QEMU quit, and everything else after it, so
 * that a guest keeps its shares and its network until it is gone. An engine such as Slurm sends SIGTERM to
 * every process at once, so virtiofsd does not get that signal at all.
 *
 * No program is started again: a VM that loses its network, its resolver or its proxy ends. */

#include "helper/foreground/kept.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/unix-socket.h"
#include "common/usec.h"
#include "helper/foreground/directory.h"
#include "helper/foreground/launch.h"
#include "helper/foreground/steps.h"

#define STOP_LIMIT (7 * SEC) /* of the VM, below the 10 s that an engine may give a step */
#define REST_LIMIT (1 * SEC) /* of its other programs after it */

/* --- what runs ------------------------------------------------------------------------- */

#define VIRTIOFSD_FILES 131072U
#define VIRTIOFSD_DATA (256U * 1024U * 1024U)

typedef struct ShareSocket {
        struct Kept *kept;
        int fd;
        char tag[17];
} ShareSocket;

/* The keeper's own state; in the process of claude-run there is none. */
typedef struct Kept {
        const KeeperConfig *config;
        sd_event *event;
        sd_event_source *timer;
        size_t n_shares, n_virtiofsds, log_size;
        ShareSocket shares[SHARES_MAX];
        int front_fd, notify_fd, log_fds[2];
        pid_t pids[N_STEPS];
        pid_t virtiofsds[SHARES_MAX];
        unsigned step; /* that is being started; N_STEPS: the VM is ready */
        int status;
        char said[N_STEPS][512]; /* the last STATUS= of each */
        char why[KEPT_WHY_MAX];
        char log[KEPT_LOG_MAX];
        bool stopping;
} Kept;

/* --- starting one ---------------------------------------------------------------------- */

static pid_t launch_one(const Kept *k, Launch *l) {
        l->helper = k->config->helper;
        l->log_fd = k->log_fds[1];
        return launch(l);
}

/* --- the end --------------------------------------------------------------------------- */

static bool all_ended(const Kept *k) {
        for (size_t i = 0; i < N_STEPS; i++)
                if (k->pids[i] > 0)
                        return false;
        for (size_t i = 0; i < k->n_virtiofsds; i++)
                if (k->virtiofsds[i] > 0)
                        return false;
        return true;
}

static void signal_all(const Kept *k, int sig) {
        for (size_t i = 0; i < N_STEPS; i++)
                if (k->pids[i] > 0)
                        kill(k->pids[i], sig);
        for (size_t i = 0; i < k->n_virtiofsds; i++)
                if (k->virtiofsds[i] > 0)
                        kill(k->virtiofsds[i], sig);
}

static int on_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        signal_all(userdata, SIGKILL);
        return 0;
}

/* One timer at a time; without memory for it there is no grace. */
static void set_timer(Kept *k, uint64_t usec, sd_event_time_handler_t handler) {
        k->timer = sd_event_source_disable_unref(k->timer);
        if (sd_event_add_time_relative(k->event, &k->timer, CLOCK_MONOTONIC, usec, 0, handler, k) < 0)
                signal_all(k, SIGKILL);
}

/* The VM has ended. Its virtiofsds end with QEMU. */
static void end_rest(Kept *k) {
        signal_all(k, SIGTERM);
        set_timer(k, REST_LIMIT, on_limit);
        if (all_ended(k))
                sd_event_exit(k->event, 0);
}

static void stop(Kept *k, int status) {
        if (k->stopping)
                return;
        k->stopping = true;
        k->status = status;
        if (k->pids[STEP_VM] <= 0) {
                end_rest(k);
                return;
        }
        kill(k->pids[STEP_VM], SIGTERM);
        set_timer(k, STOP_LIMIT, on_limit);
}

static void __attribute__((format(printf, 3, 4))) stop_because(
                Kept *k, int status, const char *format, ...) {
        va_list ap;

        if (k->stopping)
                return;
        va_start(ap, format);
        (void) vsnprintf(k->why, sizeof(k->why), format, ap);
        va_end(ap);
        printable_clean(k->why);
        stop(k, status);
}

/* --- the start ------------------------------------------------------------------------- */

static int on_start_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Kept *k = userdata;

        stop_because(k, EXIT_BOOT_TIMEOUT, "'%s' of the VM was not ready after %u s", steps[k->step].verb,
                        steps[k->step].limit_sec);
        return 0;
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata);

static int watch(Kept *k, pid_t pid) {
        return sd_event_add_child(k->event, NULL, pid, WEXITED, on_child, k);
}

static int start_step(Kept *k, const Step *s) {
        _cleanup_strv_free_ char **environment = NULL;
        pid_t *pid = &k->pids[s - steps];
        int r = step_environment(s, k->config, k->pids[STEP_DNS], &environment);

        if (r < 0)
                return r;
        *pid = launch_one(k,
                        &(Launch) { .verb = s->verb,
                                        .argument = k->config->id,
                                        .environment = environment,
                                        .files = s->files,
                                        .listener_fd = -EBADF });
        if (*pid < 0)
                return *pid;
        if (s->kind != STEP_GOES_ON)
                set_timer(k, s->limit_sec * SEC, on_start_limit);
        return watch(k, *pid);
}

/* Starts what is next, up to the first that takes time. */
static void go_on(Kept *k) {
        for (; k->step < N_STEPS && !k->stopping; k->step++) {
                const Step *s = &steps[k->step];
                int r;

                if (k->step != STEP_NET && k->step != STEP_VM && !plan_wants(k->config->plan, s->part))
                        continue;
                r = start_step(k, s);
                if (r < 0)
                        stop_because(k, EXIT_QEMU_FAILED, "Failed to start '%s' of the VM: %s", s->verb,
                                        strerror(-r));
                if (r < 0 || s->kind != STEP_GOES_ON)
                        return;
        }
}

static void step_is_done(Kept *k) {
        k->timer = sd_event_source_disable_unref(k->timer);
        k->step++;
        if (k->step == N_STEPS)
                (void) !write(k->front_fd, "\n", 1);
        else
                go_on(k);
}

/* --- what they say --------------------------------------------------------------------- */

static void take_notice(Kept *k, pid_t pid, char *text) {
        char *line;

        for (size_t i = 0; i < N_STEPS; i++) {
                char *rest = text;

                if (k->pids[i] != pid)
                        continue;
                while ((line = strsep(&rest, "\n"))) {
                        if (strncmp(line, "STATUS=", strlen("STATUS=")) == 0)
                                snprintf(k->said[i], sizeof(k->said[i]), "%s", line + strlen("STATUS="));
                        if (strcmp(line, "READY=1") == 0 && i == k->step && !k->stopping)
                                step_is_done(k);
                }
                return;
        }
}

/* Descriptors for systemd to store are closed by the kernel: there is no room for them. */
static int on_notify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        union {
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
                struct cmsghdr align;
        } control;
        char text[4096];
        struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;

        if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_CREDENTIALS)
                return 0;
        text[n] = '\0';
        take_notice(userdata, ((const struct ucred *) (const void *) CMSG_DATA(cmsg))->pid, text);
        return 0;
}

/* The last of it is kept, for a VM that did not come up. */
static int on_log(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Kept *k = userdata;
        char text[KEPT_LOG_MAX / 4];
        ssize_t n = read(fd, text, sizeof(text));

        if (n <= 0)
                return 0;
        if (k->log_size + (size_t) n > KEPT_LOG_MAX) {
                size_t kept = KEPT_LOG_MAX / 2 < k->log_size ? KEPT_LOG_MAX / 2 : k->log_size;

                memmove(k->log, k->log + k->log_size - kept, kept);
                k->log_size = kept;
        }
        memcpy(k->log + k->log_size, text, (size_t) n);
        k->log_size += (size_t) n;
        return 0;
}

static int on_front(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        stop(userdata, EXIT_SUCCESS);
        return 0;
}

/* An engine signals one process after the other, and the keeper may be the last. The signal is the reason
 * all the same, and not what it did to the others. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Kept *k = userdata;

        stop(k, EXIT_SUCCESS);
        k->status = 128 + (int) info->ssi_signo;
        snprintf(k->why, sizeof(k->why), "Stopped by SIG%s", sigabbrev_np((int) info->ssi_signo) ?: "?");
        return 0;
}

/* --- their ends ------------------------------------------------------------------------ */

static int status_of(const siginfo_t *info) {
        return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

static void step_has_ended(Kept *k, unsigned i, const siginfo_t *info) {
        const Step *s = &steps[i];
        int status = status_of(info);

        if (s->kind == STEP_ENDS && status == 0 && i == k->step && !k->stopping)
                step_is_done(k);
        else if (i == STEP_VM)
                stop_because(k, status, "%s",
                                k->said[i][0] ? k->said[i]
                                              : "the VM's helper was killed; QEMU ended with it");
        else if (k->said[i][0])
                stop_because(k, status == 0 ? EXIT_SHARE_FAILED : status, "'%s' of the VM has ended: %s",
                                s->verb, k->said[i]);
        else
                stop_because(k, EXIT_SHARE_FAILED,
                                "'%s' of the VM has ended (%d), so the VM was stopped: nothing may pass without it",
                                s->verb, status);
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Kept *k = userdata;

        sd_event_source_unref(source);
        for (unsigned i = 0; i < N_STEPS; i++)
                if (k->pids[i] == info->si_pid) {
                        k->pids[i] = 0;
                        step_has_ended(k, i, info);
                        if (k->stopping && i == STEP_VM)
                                end_rest(k);
                }
        /* the VM's helper watches these itself */
        for (size_t i = 0; i < k->n_virtiofsds; i++)
                if (k->virtiofsds[i] == info->si_pid)
                        k->virtiofsds[i] = 0;
        if (k->stopping && all_ended(k))
                sd_event_exit(k->event, 0);
        return 0;
}

/* --- shares ---------------------------------------------------------------------------- */

/* QEMU has connected. A share is served once: no second QEMU may come to it. */
static int on_share(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ShareSocket *share = userdata;
        Kept *k = share->kept;
        _cleanup_strv_free_ char **environment = NULL;
        _cleanup_free_ char *instance = strjoin(k->config->id, ":", share->tag, NULL);
        pid_t pid = instance ? launch_environment(k->config->directory, &environment) : -ENOMEM;

        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (pid >= 0)
                pid = launch_one(k,
                                &(Launch) { .verb = "virtiofsd",
                                                .argument = instance,
                                                .environment = environment,
                                                .files = VIRTIOFSD_FILES,
                                                .data = VIRTIOFSD_DATA,
                                                .listener_fd = fd });
        if (pid < 0 || watch(k, pid) < 0)
                stop_because(k, EXIT_SHARE_FAILED, "Failed to serve the share '%s': %s", share->tag,
                                strerror(pid < 0 ? -pid : ENOMEM));
        if (pid > 0)
                k->virtiofsds[k->n_virtiofsds++] = pid;
        close_cleanup(&share->fd);
        share->fd = -EBADF;
        return 0;
}

static int listen_at(const char *path, int type) {
        _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = unix_bind(fd, path);
        if (r < 0)
                return r;
        return type == SOCK_STREAM && listen(fd, 1) < 0 ? -errno : TAKE_FD(fd);
}

static int add_share(void *userdata, const char *tag) {
        Kept *k = userdata;
        ShareSocket *share = &k->shares[k->n_shares];
        _cleanup_free_ char *path = strjoin(
                        k->config->directory, "/claude-vm-fs/", k->config->id, ":", tag, ".sock", NULL);

        if (!path || k->n_shares == SHARES_MAX)
                return path ? -E2BIG : -ENOMEM;
        share->kept = k;
        share->fd = listen_at(path, SOCK_STREAM);
        if (share->fd < 0)
                return share->fd;
        snprintf(share->tag, sizeof(share->tag), "%s", tag);
        k->n_shares++;
        return sd_event_add_io(k->event, NULL, share->fd, EPOLLIN, on_share, share) < 0 ? -ENOMEM : 0;
}

/* --- the keeper itself ----------------------------------------------------------------- */

/* A signal counts before the ends that the same signal to others has caused. */
static int watch_signals(Kept *k) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        sigset_t set;
        int r = 0;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
                return -errno;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++) {
                sd_event_source *source;

                r = sd_event_add_signal(k->event, &source, signals[i], on_signal, k);
                if (r >= 0)
                        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        }
        return r;
}

static int open_notify(Kept *k) {
        _cleanup_free_ char *path = strjoin(k->config->directory, "/notify", NULL);
        const int on = 1;

        k->notify_fd = path ? listen_at(path, SOCK_DGRAM) : -ENOMEM;
        if (k->notify_fd < 0)
                return k->notify_fd;
        return setsockopt(k->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int prepare(Kept *k) {
        _cleanup_free_ char *sockets = strjoin(k->config->directory, "/claude-vm-fs", NULL);
        int r = sockets ? directory_make(sockets) : -ENOMEM;

        if (r >= 0)
                r = sd_event_new(&k->event);
        if (r >= 0)
                r = watch_signals(k);
        if (r >= 0)
                r = open_notify(k);
        if (r >= 0 && pipe2(k->log_fds, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0)
                r = plan_each_share(k->config->plan, add_share, k);
        /* what a program says comes before its end */
        if (r >= 0) {
                sd_event_source *source;

                r = sd_event_add_io(k->event, &source, k->notify_fd, EPOLLIN, on_notify, k);
                if (r >= 0)
                        r = sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL - 1);
        }
        if (r >= 0)
                r = sd_event_add_io(k->event, NULL, k->log_fds[0], EPOLLIN, on_log, k);
        return r < 0 ? r : sd_event_add_io(k->event, NULL, k->front_fd, EPOLLIN, on_front, k);
}

/* What ExecStopPost= of the unit does. */
static void clean_up(Kept *k) {
        _cleanup_strv_free_ char **environment = NULL;
        pid_t pid = launch_environment(k->config->directory, &environment) < 0
                        ? -ENOMEM
                        : launch_one(k,
                                          &(Launch) { .verb = "gc",
                                                          .argument = k->config->id,
                                                          .environment = environment,
                                                          .files = 1024,
                                                          .listener_fd = -EBADF });

        if (pid > 0)
                (void) waitpid(pid, NULL, 0);
}

/* A line end after the reason, then the log. Without a reader the directory is ours to remove. */
static void report(Kept *k) {
        size_t n = strlen(k->why);

        k->why[n] = '\n';
        if (send(k->front_fd, k->why, n + 1, MSG_NOSIGNAL) < 0)
                foreground_directory_remove(k->config->directory);
        else
                (void) !send(k->front_fd, k->log, k->log_size, MSG_NOSIGNAL);
}

void keep(const KeeperConfig *config, int fd) {
        Kept k = { .config = config, .front_fd = fd };
        int r;

        /* Ctrl-C at the terminal is the agent's */
        setsid();
        r = prepare(&k);
        if (r >= 0) {
                go_on(&k);
                r = sd_event_loop(k.event);
        }
        if (r < 0) {
                signal_all(&k, SIGKILL);
                snprintf(k.why, sizeof(k.why), "Failed to run the VM: %s", strerror(-r));
                k.status = EXIT_QEMU_FAILED;
        }
        clean_up(&k);
        report(&k);
        _exit(k.status);
}
