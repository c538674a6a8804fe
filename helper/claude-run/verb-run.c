/* Runs the agent of a VM, or shows its terminal. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/settings.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/in-foreground.h"
#include "helper/claude-run/left-behind.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/project-ini.h"
#include "helper/claude-run/request.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/session-end.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/host/viewers.h"
#include "helper/request/files.h"

#define END_LIMIT (30 * SEC) /* from the agent's end to the VM's */

enum { ATTACH_NO_TERMINAL = 69 };

/* Turns the unit's result into an exit status, and reports an end that was not the agent's doing. */
static int result_of(const char *id, const UnitState *state) {
        int status = strcmp(state->result, "success") == 0        ? 0
                        : strcmp(state->result, "exit-code") == 0 ? state->exec_main_status
                                                                  : EXIT_LOST;

        /* with a reason there is more than what the terminal has shown */
        if (status != 0 &&
                        (strncmp(state->status_text, "The agent exited", strlen("The agent exited")) != 0 ||
                                        strchr(state->status_text, ';')))
                fail(0, "VM '%s': %s", id, state->status_text[0] ? state->status_text : state->result);
        return status;
}

/* The viewer has ended without a detach: has the VM ended as well? */
static int after_agent(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        char suspended[SUSPENDED_TEXT_MAX];
        UnitState state = {};
        int r, status;

        r = manager_wait_inactive(c->manager, unit, END_LIMIT, &context_interrupted);
        if (r >= 0 && suspended_print(id, suspended)) {
                say_line(stderr, "VM '%s' is %s. To go on: claude-run attach %s", id, suspended, id);
                return 0;
        }
        if (r == -ETIMEDOUT || r == -EINTR)
                return fail(EXIT_LOST,
                                "lost the connection to '%s'; the agent goes on. Again with: claude-run attach %s",
                                id, id);
        if (r >= 0)
                r = manager_state(c->manager, unit, &state);
        if (r < 0)
                return fail(EXIT_LOST, "Failed to look at '%s': %s", unit, strerror(-r));
        status = result_of(id, &state);
        unit_state_done(&state);
        left_behind_say(c, id);
        return status;
}

static bool have_terminal(void) {
        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int no_terminal(void) {
        return fail(EXIT_USAGE,
                        "the agent's terminal needs one here; without one: claude-run -- -p \"question\"");
}

static int attach(Context *c, const char *id) {
        char *const read_only[] = { (char *) "--read-only", NULL };
        Session session = session_make(c, id, PROGRAM_ATTACH, NULL, true);
        int r = start_wait_sessions(c, id);

        if (r != 0)
                return fail(r, "interrupted, but the agent goes on. Again with: claude-run attach %s", id);
        if (c->options->read_only) {
                session.words = read_only;
                session.read_only = true;
        }
        r = session_run(&session);
        if (r < 0)
                return session_not_run(session.ssh, r);
        /* a read-only viewer ends ssh itself, which exits with 255 */
        if (r == 0 || (session.read_only && r == EXIT_LOST && which_vm_has_sessions(c, id))) {
                say_line(stderr, "Detached; the agent goes on. Again with: claude-run attach %s", id);
                return 0;
        }
        if (r == ATTACH_NO_TERMINAL)
                return fail(ATTACH_NO_TERMINAL,
                                "the agent of '%s' has no terminal (it runs with -p, or has ended); see: claude-run logs %s",
                                id, id);
        if (session_end_was_asked())
                return 128 + session_signal();
        r = context_manager(c);
        return r != 0 ? r : after_agent(c, id);
}

int verb_attach(Context *c) {
        _cleanup_free_ char *id = NULL;
        int r;

        if (!have_terminal())
                return no_terminal();
        r = which_vm_only(c, &id);
        if (r == 0)
                r = start_vm(c, id);
        return r != 0 ? r : attach(c, id);
}

/* --- run ------------------------------------------------------------------------------- */

/* Asks the unit of a running VM for its agent. */
static bool is_plain(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id)), *agent = NULL;

        if (context_manager(c) != 0 ||
                        manager_environment(c->manager, unit, settings[SETTING_AGENT].variable, &agent) < 0)
                return false;
        return agent_is_plain(agent ?: settings[SETTING_AGENT].fallback, c->options->arguments);
}

/* The agent with arguments on our pipes, or on our terminal unless it only prints. */
static int run_agent(Context *c, const char *id) {
        Session session = session_make(
                        c, id, PROGRAM_AGENT, c->options->arguments, have_terminal() && !is_plain(c, id));
        int r = start_wait_sessions(c, id), vm_status = 0;

        if (r != 0)
                return r;
        r = session_run(&session);
        if (r < 0)
                return session_not_run(session.ssh, r);
        r = session_end_explain(c, id, r, &vm_status);
        /* the VM's own agent may have ended, too, and its status is not that of this one */
        return vm_status == EXIT_QEMU_FAILED || vm_status == EXIT_SHARE_FAILED ? vm_status : r;
}

/* The name goes to a script, the hint to a person. */
static int say_detached(const char *id) {
        say_line(stdout, "%s", id);
        return fail(0, "to see it: claude-run attach %s, claude-run logs %s", id, id);
}

/* Starts a fresh VM. What runs in it decides when it ends. */
static int run_fresh(Context *c, const char *directory, const ProjectEntry *base) {
        bool detach = c->options->detach, session = c->options->arguments && !detach;
        Request request;
        int r;

        if (!session && !detach && !have_terminal())
                return no_terminal();
        r = request_make(c, directory, base, session, &request);
        if (r != 0)
                return r;
        r = start_vm(c, request.id);
        if (r != 0)
                request_remove(c->runtime_dir, request.id);
        else if (session) {
                r = run_agent(c, request.id);
                (void) start_job(c, MANAGER_STOP, request.id);
                left_behind_say(c, request.id);
        } else
                r = detach ? say_detached(request.id) : attach(c, request.id);
        request_done(&request);
        return r;
}

/* Uses the project's VM if it is already running; otherwise starts a separate one with the project's
 * settings. */
static int run_arguments(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id)), *state = NULL;
        const ProjectEntry *p;
        int r = context_manager(c);

        if (r != 0)
                return r;
        r = manager_active_state(c->manager, unit, &state);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to look at '%s': %s", id, strerror(-r));
        if (strcmp(state, "active") != 0 && strcmp(state, "activating") != 0) {
                r = context_projects(c);
                if (r != 0)
                        return r;
                p = project_entries_find(&c->projects, id);
                /* the start says what is wrong with it */
                if (p && !p->error)
                        return run_fresh(c, p->work_directory, p);
        }
        if (c->options->detach)
                return fail(EXIT_FAILURE,
                                "VM '%s' runs already; for one more agent in it: claude-run exec --detach %s claude …",
                                id, id);
        r = start_vm(c, id);
        return r != 0 ? r : run_agent(c, id);
}

static int run_vm(Context *c, const char *id) {
        int r;

        if (c->options->arguments)
                return run_arguments(c, id);
        if (!c->options->detach && !have_terminal())
                return no_terminal();
        r = start_vm(c, id);
        if (r != 0)
                return r;
        return c->options->detach ? say_detached(id) : attach(c, id);
}

/* An ini whose directory cannot be read may be this directory's. */
static void say_unplaced(const Context *c) {
        for (size_t i = 0; i < c->projects.n; i++)
                if (c->projects.items[i].error && !c->projects.items[i].work_directory)
                        fail(0, "%s", c->projects.items[i].error);
}

/* The settings are in the ini from then on. */
static int run_new_project(Context *c, const char *directory) {
        const RunOptions *o = c->options;
        int r;

        /* before there is an ini of a call that does nothing else */
        if (!o->arguments && !o->detach && !have_terminal())
                return no_terminal();
        r = project_ini_make(c, directory, o->name);
        return r != 0 ? r : run_vm(c, o->name);
}

/* A fresh VM when a setting asks for one, or nothing is here yet. */
int verb_run(Context *c) {
        const RunOptions *o = c->options;
        bool fresh = o->settings || o->new || o->read_only || o->dev_shell ||
                        (getenv("CLAUDE_HOME") ?: "")[0];
        _cleanup_free_ char *directory = NULL, *id = NULL;
        int r;

        if (o->foreground)
                return in_foreground(c);
        if (o->n_words > 0) {
                if (fresh)
                        return fail(EXIT_USAGE,
                                        "settings on the command line are for a fresh VM on this directory; the project '%s' has its own in its ini",
                                        o->words[0]);
                if (o->name)
                        return fail(EXIT_USAGE,
                                        "--name makes a project of this directory; '%s' has a name: claude-run rename %s %s",
                                        o->words[0], o->words[0], o->name);
                r = which_vm_only(c, &id);
                return r != 0 ? r : run_vm(c, id);
        }
        r = which_vm_directory(c, &directory);
        if (r == 0 && o->name)
                return run_new_project(c, directory);
        if (r == 0 && !fresh)
                r = which_vm_here(c, &id);
        if (r != 0)
                return r;
        if (id)
                return run_vm(c, id);
        say_unplaced(c);
        return run_fresh(c, directory, NULL);
}
