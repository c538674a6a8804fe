#include "helper/claude-run/in-foreground.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "common/directory.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/memory-file.h"
#include "common/runtime-path.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "helper/changes/changes.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/request.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/take-signal.h"
#include "helper/claude-run/which-vm.h"
#include "helper/foreground/directory.h"
#include "helper/foreground/keeper.h"
#include "helper/foreground/plan.h"
#include "helper/request/caller-credentials.h"

#define LOG_LINES 30U

/* --- what it is to be ------------------------------------------------------------------ */

static int check_call(const RunOptions *o) {
        if (!o->arguments)
                return fail(EXIT_USAGE,
                                "--foreground needs the agent's arguments: claude-run --foreground -- -p \"question\"");
        if (o->detach || o->name)
                return fail(EXIT_USAGE, "--foreground and --%s exclude each other",
                                o->detach ? "detach" : "name");
        if (o->n_words > 1)
                return fail(EXIT_USAGE, "expected one project, got also '%s'", o->words[1]);
        return 0;
}

/* The project that is named, or that of this directory, whose settings the VM begins with; NULL: none. */
static int find_base(Context *c, const char *directory, const ProjectEntry **ret) {
        const RunOptions *o = c->options;
        size_t n = 0;
        int r = context_projects(c);

        if (r != 0)
                return r;
        *ret = o->n_words > 0    ? project_entries_find(&c->projects, o->words[0])
                        : o->new ? NULL
                                 : project_entries_here(&c->projects, directory, &n);
        if (o->n_words > 0 && !*ret)
                return fail(EXIT_CONFIGURATION, "no project is called '%s'; see: claude-run list",
                                o->words[0]);
        if (n > 1)
                return fail(EXIT_CONFIGURATION, "%zu projects have this directory; name one of them", n);
        return *ret && (*ret)->error ? fail(EXIT_CONFIGURATION, "%s", (*ret)->error) : 0;
}

/* What only a unit can do, and would be missed. */
static int check_plan(const Plan *plan) {
        const char *directive = plan_directive(plan);

        if (plan_wants(plan, "devshell"))
                return fail(EXIT_CONFIGURATION,
                                "DevShell= is not for --foreground: run claude-run inside of the dev shell, or let the guest use direnv");
        if (strcmp(plan_variable(plan, "", settings[SETTING_WORKSPACE].variable) ?: "", "copy") == 0)
                return fail(EXIT_CONFIGURATION,
                                "Workspace=copy is not for --foreground: give it a directory of its own, which a job has anyway");
        if (plan_variable(plan, "", PARAMETER_PUBLISH_PREFIX "0"))
                return fail(EXIT_CONFIGURATION,
                                "Publish= is not for --foreground: no ssh master forwards ports");
        if (plan_wants(plan, "clipboard"))
                fail(0, "Clipboard= does nothing in the foreground: no ssh master carries the image");
        if (directive)
                fail(0, "%s of [Service] is not applied in the foreground: the limits of the caller's cgroup count",
                                directive);
        return 0;
}

/* --- secrets of this environment ------------------------------------------------------- */

/* In a file in memory, which the helper finds by a link to this process: the directory may lie on a disk. */
static int link_secret(const char *runtime_dir, const char *id, const char *name) {
        _cleanup_free_ char *path = NEED(caller_credentials_path(runtime_dir, id, name));
        char target[64];
        const char *value = getenv(name);
        int fd;

        if (!value || !value[0])
                return 0;
        fd = memory_file("credential");
        if (fd < 0)
                return fd;
        if (write(fd, value, strlen(value)) != (ssize_t) strlen(value))
                return -errno;
        /* open as long as this process is */
        snprintf(target, sizeof(target), "/proc/%d/fd/%d", getpid(), fd);
        return symlink(target, path) < 0 ? -errno : 0;
}

static int link_secrets(const Plan *plan, const char *runtime_dir, const char *id) {
        const char *names = plan_variable(plan, "", PARAMETER_CALLER_CREDENTIALS);
        _cleanup_free_ char *copy = names ? NEED(strdup(names)) : NULL,
                            *directory = NEED(runtime_path_request(runtime_dir, id, "credentials"));
        char *rest = copy, *name;
        int r = names ? directory_make(directory) : 0;

        while (r >= 0 && rest && (name = strsep(&rest, " ")))
                r = link_secret(runtime_dir, id, name);
        return r;
}

/* --- the run --------------------------------------------------------------------------- */

static volatile sig_atomic_t end_signal;

static void on_end_signal(int sig) {
        end_signal = sig;
}

static const int signals[] = { SIGTERM, SIGHUP, SIGINT };

/* But while the session has them: claude-run stays to see the VM's end. */
static void take_signals(void) {
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                take_signal(signals[i], &(struct sigaction) { .sa_handler = on_end_signal });
        signal(SIGPIPE, SIG_IGN);
}

/* SIG_BLOCK or SIG_UNBLOCK. */
static void hold_signals(int how) {
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        sigprocmask(how, &set, NULL);
}

static int run_session(Context *c, const Plan *plan, const char *id) {
        const char *agent = plan_variable(plan, "", settings[SETTING_AGENT].variable);
        bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
                        !agent_is_plain(agent ?: settings[SETTING_AGENT].fallback, c->options->arguments);
        Session session = session_make(c, id, PROGRAM_AGENT, c->options->arguments, terminal);
        int r = 0;

        /* the session unblocks them: none comes between the look and it */
        hold_signals(SIG_BLOCK);
        if (!end_signal)
                r = session_run(&session);
        hold_signals(SIG_UNBLOCK);
        end_signal = end_signal ?: session_signal();
        return r < 0 ? session_not_run(session.ssh, r) : r;
}

/* The last lines of a VM that did not come up: the guest's among them, marked as not ours. */
static void say_log(char *log) {
        char *from = log + strlen(log);

        for (unsigned n = 0; from > log && n <= LOG_LINES; from--)
                n += from[-1] == '\n';
        say_lines(stderr, "log| ", from > log ? from + 1 : log);
}

static void say_changes(const Context *c, const char *id) {
        _cleanup_free_ char *path = NEED(changes_kept_path(c->runtime_dir, id)), *sentence = NULL;
        _cleanup_findings_ Findings changes = {};

        if (findings_read(path, &changes) < 0 || changes_count(&changes) == 0)
                return;
        sentence = NEED(changes_sentence(&changes));
        say_line(stderr, "%s. Look at them before a program of this machine does", sentence);
}

/* The status of a VM that ended by itself, or by a signal, counts for more than that of its session. */
static int end(Context *c, Keeper *keeper, const char *id, bool ready, int status) {
        _cleanup_free_ char *why = NULL, *log = NULL;
        int ended = keeper_end(keeper, &why, &log);

        if (!why && end_signal)
                why = NEED(strjoin("Stopped by SIG", sigabbrev_np(end_signal) ?: "?", NULL));
        if (why)
                fail(0, ready ? "VM '%s': %s" : "Failed to start '%s': %s", id, why);
        if (log && !ready && (ended == EXIT_BOOT_TIMEOUT || ended == EXIT_QEMU_FAILED))
                say_log(log);
        say_changes(c, id);
        if (ended != 0)
                return ended;
        return end_signal ? 128 + end_signal : status;
}

static int run(Context *c, const Plan *plan, const char *id) {
        const KeeperConfig config = {
                .helper = c->options->helper,
                .directory = c->runtime_dir,
                .id = id,
                .plan = plan,
        };
        Keeper *keeper = NULL;
        int r = link_secrets(plan, c->runtime_dir, id), status = EXIT_FAILURE;

        take_signals();
        if (r >= 0)
                r = keeper_start(&config, &keeper);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to start '%s': %s", id, strerror(-r));
        r = keeper_wait_ready(keeper);
        if (r >= 0)
                status = run_session(c, plan, id);
        return end(c, keeper, id, r >= 0, status);
}

static int run_request(Context *c, const char *directory, const ProjectEntry *base) {
        _cleanup_free_ char *path = NULL;
        Request request;
        Plan plan = {};
        int r = request_make(c, directory, base, true, &request);

        if (r != 0)
                return r;
        path = NEED(runtime_path_request(c->runtime_dir, request.id, "ini"));
        r = plan_read(c->options->generator, path, c->runtime_dir, &plan);
        if (r < 0)
                r = r == -EINVAL ? EXIT_CONFIGURATION
                                 : fail(EXIT_FAILURE, "Failed to run '%s': %s", c->options->generator,
                                                   strerror(-r));
        if (r == 0)
                r = check_plan(&plan);
        if (r == 0)
                r = run(c, &plan, request.id);
        plan_done(&plan);
        request_done(&request);
        return r;
}

int in_foreground(Context *c) {
        const ProjectEntry *base = NULL;
        _cleanup_free_ char *directory = NULL, *runtime_dir = NULL;
        _cleanup_close_ int lock = -EBADF;
        int r = check_call(c->options);

        if (r == 0)
                r = which_vm_directory(c, &directory);
        if (r == 0)
                r = find_base(c, directory, &base);
        if (r != 0)
                return r;
        r = foreground_directory_make(&runtime_dir, &lock);
        if (r < 0)
                return fail(EXIT_FAILURE,
                                "Failed to make a directory for the VM in $TMPDIR, $XDG_RUNTIME_DIR or /tmp: %s",
                                strerror(-r));
        c->runtime_dir = runtime_dir;
        r = run_request(c, base && !c->options->directory ? base->work_directory : directory, base);
        foreground_directory_remove(runtime_dir);
        return r;
}
