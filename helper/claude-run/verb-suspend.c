/* Suspends VMs, goes on with them, and throws away what was suspended. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/confirm.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/progress-line.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/suspend/request.h"
#include "helper/suspend/state.h"

#define END_LIMIT (30 * SEC)    /* from the state to the unit's end */
#define STILL_LIMIT (200 * SEC) /* of a helper that says nothing new, as it does with each percent */

static int say_suspended(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        char text[SUSPENDED_TEXT_MAX];
        int r = manager_wait_inactive(c->manager, unit, END_LIMIT, &context_interrupted);

        if (r < 0)
                return fail(EXIT_FAILURE, "VM '%s' is suspended, but does not end: %s", id, strerror(-r));
        if (suspended_print(id, text))
                say_line(stderr, "VM '%s' is %s. To go on: claude-run resume %s", id, text, id);
        return 0;
}

static int does_not_run(const char *id) {
        if (suspended_exists(id))
                return fail(0, "VM '%s' is suspended already", id);
        return fail(EXIT_FAILURE, "VM '%s' does not run", id);
}

typedef struct Progress {
        Context *context;
        const char *id, *unit;
        bool draw;
        ProgressLine line;
        char *status; /* owned */
        uint64_t status_usec;
} Progress;

/* A helper that hangs, such as one that is stopped by a signal, never answers. */
static bool show_progress(void *userdata) {
        uint64_t now = usec_now(CLOCK_MONOTONIC);
        Progress *p = userdata;
        UnitState state = {};

        if (manager_state(p->context->manager, p->unit, &state) >= 0 && state.status_text) {
                if (p->draw)
                        progress_line_draw_status(&p->line, p->id, state.status_text);
                if (!p->status || strcmp(p->status, state.status_text) != 0) {
                        free(p->status);
                        p->status = TAKE_PTR(state.status_text);
                        p->status_usec = now;
                }
        }
        unit_state_done(&state);
        return now - p->status_usec < STILL_LIMIT;
}

/* The helper says in its unit's status how far it is. */
static int request(Context *c, const char *id, char **ret_why) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        Progress progress = {
                .context = c,
                .id = id,
                .unit = unit,
                .draw = isatty(STDERR_FILENO),
                .status_usec = usec_now(CLOCK_MONOTONIC),
        };
        int r = suspend_request(c->runtime_dir, id, show_progress, &progress, ret_why);

        progress_line_end(&progress.line);
        free(progress.status);
        return r;
}

static int suspend_one(Context *c, const char *id) {
        _cleanup_free_ char *why = NULL;
        int r = which_vm_check(c, id);

        if (r == 0)
                r = context_manager(c);
        if (r != 0)
                return r;
        r = request(c, id, &why);
        switch (r) {
        case 0:
                return say_suspended(c, id);
        case -ENOENT:
        case -ECONNREFUSED:
                return does_not_run(id);
        case -EBUSY:
                return fail(EXIT_FAILURE, "VM '%s' is not suspended: %s", id, why);
        case -EINTR:
                fail(0, "VM '%s' is being suspended all the same; see: claude-run list", id);
                return 128 + SIGINT;
        case -ETIMEDOUT:
                return fail(EXIT_FAILURE,
                                "VM '%s' has said nothing new for %u s, and may still be suspended; see: claude-run list; to stop it: claude-run stop %s",
                                id, (unsigned) (STILL_LIMIT / SEC), id);
        case -ECONNRESET:
                return fail(EXIT_FAILURE,
                                "VM '%s' has ended while its memory was saved; see: claude-run logs %s", id,
                                id);
        default:
                return fail(EXIT_FAILURE, "Failed to suspend '%s': %s", id, strerror(-r));
        }
}

int verb_suspend(Context *c) {
        return which_vm_each(c, suspend_one);
}

static int resume_one(Context *c, const char *id) {
        int r = which_vm_check(c, id);

        if (r != 0)
                return r;
        if (!suspended_exists(id))
                return fail(EXIT_FAILURE, "VM '%s' is not suspended; to start it: claude-run start %s", id,
                                id);
        return start_vm(c, id);
}

int verb_resume(Context *c) {
        return which_vm_each(c, resume_one);
}

/* --- forget ---------------------------------------------------------------------------- */

static bool ask(const Context *c, const char *id) {
        char text[SUSPENDED_TEXT_MAX];

        if (!c->options->yes && suspended_print(id, text))
                say_line(stderr, "VM '%s' is %s. What runs in it is lost; files stay.", id, text);
        return confirm_ask(c, "Throw it away?");
}

/* A start uses it, or is about to. */
static int check_down(Context *c, const char *id) {
        bool is_down;
        int r = context_vm_is_down(c, id, &is_down);

        if (r != 0 || is_down)
                return r;
        return fail(EXIT_FAILURE, "VM '%s' is being resumed; to stop it: claude-run stop %s", id, id);
}

static int forget_one(Context *c, const char *id) {
        int r;

        if (!suspended_exists(id))
                return fail(EXIT_FAILURE, "VM '%s' is not suspended", id);
        r = check_down(c, id);
        if (r == 0)
                r = confirm_check(c, "forget asks first");
        if (r != 0)
                return r;
        if (!ask(c, id))
                return fail(EXIT_FAILURE, "'%s' is still suspended", id);
        /* the answer may have taken any time */
        r = check_down(c, id);
        if (r != 0)
                return r;
        r = suspended_remove(id);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to throw '%s' away: %s", id, strerror(-r)) : 0;
}

int verb_forget(Context *c) {
        return which_vm_each(c, forget_one);
}
