/* Starts and stops VMs, and shows their journal. */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/left-behind.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

int verb_start(Context *c) {
        return which_vm_each(c, start_vm);
}

static int stop(Context *c, const char *id) {
        int r = start_job(c, MANAGER_STOP, id);

        if (r == 0)
                left_behind_say(c, id);
        return r;
}

static int stop_one(Context *c, const char *id) {
        int r = context_manager(c);

        return r != 0 ? r : stop(c, id);
}

/* A start that failed or waits is stopped as well; of what is not there the user hears. */
static int stop_running(Context *c, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id)), *state = NULL;
        int r = which_vm_check(c, id);

        if (r == 0)
                r = context_manager(c);
        if (r != 0)
                return r;
        r = manager_active_state(c->manager, unit, &state);
        if (r < 0 || !manager_is_down(state))
                return stop(c, id);
        if (suspended_exists(id))
                fail(0, "VM '%s' is suspended; to throw that away: claude-run forget %s", id, id);
        else
                fail(0, "VM '%s' does not run", id);
        return start_job(c, MANAGER_STOP, id);
}

int verb_stop(Context *c) {
        return which_vm_each(c, stop_running);
}

static int restart_one(Context *c, const char *id) {
        int r = stop_one(c, id);

        return r != 0 ? r : start_vm(c, id);
}

int verb_restart(Context *c) {
        return which_vm_each(c, restart_one);
}

/* The VM, its network, its shares and its ssh master, in order. */
int verb_logs(Context *c) {
        static const char *const units[][2] = { { "claude-vm", "" }, { "claude-vm-devshell", "" },
                { "claude-vm-copy", "" }, { "claude-vm-net", "" }, { "claude-vm-pasta", "" },
                { "claude-vm-dns", "" }, { "claude-vm-proxy", "" }, { "claude-vm-ssh", "" },
                { "claude-vm-clipboard", "" }, { "claude-vm-suspend", "" },
                { "claude-vm-virtiofsd", ":*" } };
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r = which_vm_or_last(c, &id);

        if (r != 0)
                return r;
        memory_need(strv_extend(&argv, c->options->journalctl, "--user", NULL) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                memory_need(strv_appendf(&argv, "--unit=%s@%s%s.service", units[i][0], id, units[i][1]) >=
                                0);
        if (c->options->network)
                memory_need(strv_extend(&argv, "CLAUDE_VM_NETWORK_VERDICT=refused",
                                            "CLAUDE_VM_NETWORK_VERDICT=allowed", NULL) >= 0);
        if (c->options->json)
                memory_need(strv_append(&argv, "--output=json") >= 0);
        if (c->options->follow)
                memory_need(strv_append(&argv, "--follow") >= 0);
        if (c->options->lines)
                memory_need(strv_appendf(&argv, "--lines=%s", c->options->lines) >= 0);
        if (c->options->since)
                memory_need(strv_appendf(&argv, "--since=%s", c->options->since) >= 0);
        return context_exec_program(argv);
}
