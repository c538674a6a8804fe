/* Starts and stops VMs, and shows their journal. */

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/left-behind.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

static int start_one(Context *c, const char *id) {
        return start_vm(c, id);
}

int verb_start(Context *c) {
        return which_vm_each(c, start_one);
}

static int stop_one(Context *c, const char *id) {
        int r = context_manager(c);

        if (r == 0)
                r = start_job(c, MANAGER_STOP, id);
        if (r == 0)
                left_behind_say(c, id);
        return r;
}

int verb_stop(Context *c) {
        return which_vm_each(c, stop_one);
}

static int restart_one(Context *c, const char *id) {
        int r = stop_one(c, id);

        return r != 0 ? r : start_one(c, id);
}

int verb_restart(Context *c) {
        return which_vm_each(c, restart_one);
}

/* The VM, its shares and its ssh master, in order. */
int verb_logs(Context *c) {
        static const char *const units[][2] = { { "claude-vm", "" }, { "claude-vm-devshell", "" },
                { "claude-vm-ssh", "" }, { "claude-vm-virtiofsd", ":*" } };
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r = which_vm_only(c, &id);

        if (r != 0)
                return r;
        memory_need(strv_extend(&argv, c->options->journalctl, "--user", NULL) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                memory_need(strv_appendf(&argv, "--unit=%s@%s%s.service", units[i][0], id, units[i][1]) >=
                                0);
        if (c->options->json)
                memory_need(strv_append(&argv, "--output=json") >= 0);
        if (c->options->follow)
                memory_need(strv_append(&argv, "--follow") >= 0);
        if (c->options->since)
                memory_need(strv_appendf(&argv, "--since=%s", c->options->since) >= 0);
        return context_exec_program(argv);
}
