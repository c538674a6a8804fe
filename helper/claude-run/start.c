#include "helper/claude-run/start.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/run-program.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/progress-line.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/uninstalled.h"
#include "helper/claude-run/which-vm.h"
#include "helper/host/accelerator.h"
#include "helper/host/config-check.h"
#include "helper/request/caller-credentials.h"

/* the unit's own is 180 s, its dev shell's 300 s, its copy's 900 s, and Setup= has 1950 s */
#define START_LIMIT (3400 * SEC)
#define STOP_LIMIT (60 * SEC) /* the unit's own is 45 s */
#define LOGIN_LIMIT (20 * SEC)
#define NETWORK_LIMIT (10 * SEC) /* the unit's own is 5 s */

typedef struct Progress {
        Context *context;
        const char *id;
        bool has_copy; /* which is made before the VM has anything to say */
        ProgressLine line;
} Progress;

/* The status text of the unit that makes the copy, owned; NULL if it has none. */
static char *copy_status(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(strjoin("claude-vm-copy@", id, ".service", NULL)), *text = NULL;
        UnitState state = {};

        if (manager_state(c->manager, unit, &state) >= 0 && state.status_text && state.status_text[0])
                text = NEED(strdup(state.status_text));
        unit_state_done(&state);
        return TAKE_PTR(text);
}

static void show_progress(void *userdata, const char *status_text, uint64_t elapsed_usec) {
        Progress *p = userdata;
        _cleanup_free_ char *copied = NULL;

        if (!isatty(STDERR_FILENO))
                return;
        if (!status_text[0] && p->has_copy)
                copied = copy_status(p->context, p->id);
        progress_line_draw_status(&p->line, p->id, status_text[0] ? status_text : copied ?: "waiting");
}

static bool has_copy(Context *c, const char *unit) {
        _cleanup_free_ char *workspace = NULL;

        return manager_environment(c->manager, unit, settings[SETTING_WORKSPACE].variable, &workspace) > 0 &&
                        strcmp(workspace, "copy") == 0;
}

/* What the guest said last, if it came that far, and marked as the guest's: no line of it may pass for one
 * of ours. A panic has 25 lines. */
static void show_last_words(const Context *c, const char *unit, uint64_t since_usec) {
        _cleanup_free_ char *unit_option = NEED(strjoin("--unit=", unit, NULL)), *text = NULL;
        char since[sizeof("--since=@") + 3 * sizeof(since_usec)];
        const char *const argv[] = { c->options->journalctl, "--user", "--quiet", "--no-pager",
                "--output=cat", "--lines=30", since, unit_option, "SYSLOG_IDENTIFIER=claude-vm-guest",
                NULL };

        snprintf(since, sizeof(since), "--since=@%llu", (unsigned long long) (since_usec / SEC));
        if (run_program_read(argv, &text) >= 0)
                say_lines(stderr, "guest| ", text);
}

/* Says why a unit is not up, in the words of the unit. */
static int explain_failure(Context *c, const char *id, const char *unit, const char *verb,
                const char *result, uint64_t since_usec) {
        UnitState state = {};
        int status = EXIT_FAILURE;

        if (manager_state(c->manager, unit, &state) >= 0) {
                if (state.status_text && state.status_text[0])
                        fail(0, "Failed to %s '%s': %s", verb, id, state.status_text);
                else
                        fail(0, "Failed to %s '%s': %s; see: systemctl --user status %s", verb, id, result,
                                        unit);
                if (state.exec_main_status > 0)
                        status = state.exec_main_status;
                if (status == EXIT_BOOT_TIMEOUT || status == EXIT_QEMU_FAILED)
                        show_last_words(c, unit, since_usec);
        } else
                fail(0, "Failed to %s '%s': %s", verb, id, result);
        unit_state_done(&state);
        return status;
}

/* The VM itself has not been started and has nothing to say. */
static int explain_copy(Context *c, const char *id) {
        _cleanup_free_ char *why = copy_status(c, id);

        if (why)
                return fail(EXIT_CONFIGURATION, "Failed to start '%s': %s", id, why);
        return fail(EXIT_FAILURE,
                        "Failed to start '%s': its copy could not be made; see: systemctl --user status claude-vm-copy@%s",
                        id, id);
}

/* `joined`: another call has begun the start, and it is not this one's to undo. */
static int run_job(Context *c, ManagerJob job, const char *id, bool joined) {
        static const char *const verbs[] = { [MANAGER_START] = "start", [MANAGER_STOP] = "stop" };
        const char *verb = verbs[job];
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        uint64_t limit = job == MANAGER_STOP ? STOP_LIMIT : START_LIMIT;
        const char *result = "";
        uint64_t begun_usec = usec_now(CLOCK_REALTIME);
        Progress progress = { .context = c, .id = id, .has_copy = job != MANAGER_STOP && has_copy(c, unit) };
        int r;

        r = manager_job(c->manager, job, unit, limit, &context_interrupted, show_progress, &progress,
                        &result);
        progress_line_end(&progress.line);
        if (r >= 0)
                return 0;
        if (r == -EINTR) {
                /* stop what this call has started, and nothing else */
                context_interrupted = false;
                if (joined)
                        fail(0, "VM '%s' goes on: another call has started it; to stop it: claude-run stop %s",
                                        id, id);
                else if (job != MANAGER_STOP)
                        (void) manager_job(c->manager, MANAGER_STOP, unit, STOP_LIMIT, NULL, NULL, NULL,
                                        &result);
                return 128 + SIGINT;
        }
        if (r == -ETIMEDOUT && !result[0])
                return fail(EXIT_FAILURE,
                                "'%s' is not done after %llu s and continues; see: systemctl --user status %s",
                                verb, (unsigned long long) (limit / SEC), unit);
        if (!result[0])
                return fail(EXIT_FAILURE, "Failed to %s '%s': %s", verb, id, strerror(-r));
        if (progress.has_copy && strcmp(result, "dependency") == 0)
                return explain_copy(c, id);
        return explain_failure(c, id, unit, verb, result, begun_usec);
}

int start_job(Context *c, ManagerJob job, const char *id) {
        return run_job(c, job, id, false);
}

/* Links our units where systemd does not run our generator by itself. */
static int provide_units(Context *c) {
        int r = uninstalled_sync(c->runtime_dir, c->options->generator, uninstalled_has_generator());

        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to link the units into '%s/systemd/user': %s",
                                c->runtime_dir, strerror(-r));
        return r > 0 ? context_reload(c) : 0;
}

/* True if the unit was made from what its ini says now. systemd's own NeedDaemonReload does not tell: for a
 * unit that it has not loaded before it compares nothing. */
static bool is_up_to_date(Context *c, const char *unit) {
        _cleanup_strv_free_ char **environment = NULL;
        _cleanup_free_ char *why = NULL;

        return manager_environments(c->manager, unit, &environment) >= 0 && environment &&
                        config_check(environment, &why) >= 0 && config_knows_git_link(environment);
}

/* Reloads first if an ini differs from what the manager knows: a user who has edited it expects that. */
static int refresh(Context *c, const char *unit) {
        if (manager_is_configured(c->manager, unit) && !manager_needs_reload(c->manager, unit) &&
                        is_up_to_date(c, unit))
                return 0;
        return context_reload(c);
}

/* Says what the start will take, to the person who waits for it; the journal has it from the VM. */
static void say_emulated(Context *c, const char *id, const char *unit) {
        _cleanup_free_ char *accelerator = NULL;
        const char *why = "";

        if (!isatty(STDERR_FILENO) ||
                        manager_environment(c->manager, unit, settings[SETTING_ACCELERATOR].variable,
                                        &accelerator) < 0 ||
                        (accelerator && strcmp(accelerator, "auto") != 0) || accelerator_kvm_works(&why))
                return;
        fail(0, "VM '%s' runs under emulation, ten times slower: %s; see: claude-run doctor", id, why);
}

/* Starts a VM that wants secrets of this environment, and removes them again afterwards. If another call has
 * begun, the VM reads those of that one. */
static int start(Context *c, const char *id, const char *unit, bool joined) {
        _cleanup_free_ char *names = NULL;
        int lock = -EBADF, r = manager_environment(c->manager, unit, PARAMETER_CALLER_CREDENTIALS, &names);

        if (r > 0 && !joined)
                r = lock = caller_credentials_hand_over(c->runtime_dir, id, names);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to hand credentials over to '%s': %s", id, strerror(-r));
        say_emulated(c, id, unit);
        r = run_job(c, MANAGER_START, id, joined);
        if (lock >= 0) {
                caller_credentials_remove(c->runtime_dir, id);
                close(lock);
        }
        return r;
}

/* One that stops is waited for, and its network: a start meanwhile would keep that, and what it lets
 * through. The VM itself refuses one of other settings. */
static int wait_for_end(Context *c, const char *id, const char *unit) {
        _cleanup_free_ char *state = NULL, *network = NEED(strjoin("claude-vm-net@", id, ".service", NULL));
        int r = manager_active_state(c->manager, unit, &state);

        if (r >= 0 && strcmp(state, "deactivating") == 0)
                r = manager_wait_inactive(c->manager, unit, STOP_LIMIT, &context_interrupted);
        else if (r < 0 || !manager_is_down(state))
                return r;
        if (r >= 0)
                r = manager_wait_inactive(c->manager, network, NETWORK_LIMIT, &context_interrupted);
        /* the start says what is wrong with a unit that does not end */
        return r == -ETIMEDOUT ? 0 : r;
}

int start_vm(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        UnitState state = {};
        bool active, joined;
        int r = context_manager(c);

        if (r == 0)
                r = provide_units(c);
        if (r != 0)
                return r;
        r = wait_for_end(c, id, unit);
        if (r >= 0)
                r = manager_state(c->manager, unit, &state);
        if (r < 0)
                return r == -EINTR ? 128 + SIGINT
                                   : fail(EXIT_FAILURE, "Failed to look at '%s': %s", unit, strerror(-r));
        active = strcmp(state.active_state, "active") == 0;
        joined = !manager_is_down(state.active_state) || manager_has_job(c->manager, unit);
        unit_state_done(&state);
        if (active)
                return 0;
        r = refresh(c, unit);
        return r != 0 ? r : start(c, id, unit, joined);
}

int start_wait_sessions(Context *c, const char *id) {
        _cleanup_free_ char *unit = NULL;
        int r;

        if (session_is_alone(c) || which_vm_has_sessions(c, id))
                return 0;
        r = context_manager(c);
        if (r != 0)
                return r;
        unit = NEED(strjoin("claude-vm-ssh@", id, ".service", NULL));
        if (manager_wait_job(c->manager, unit, LOGIN_LIMIT, &context_interrupted) != -EINTR)
                return 0;
        context_interrupted = false;
        return 128 + SIGINT;
}

int start_for_session(Context *c, const char *id) {
        int r;

        if (which_vm_has_sessions(c, id))
                return 0;
        r = start_vm(c, id);
        return r != 0 ? r : start_wait_sessions(c, id);
}

int start_vm_for_session(Context *c, char **ret) {
        int r = which_vm_only(c, ret);

        return r != 0 ? r : start_for_session(c, *ret);
}
