#include "helper/claude-run/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/vm-name.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"

volatile bool context_interrupted;

int context_projects(Context *c) {
        int r;

        if (c->have_projects)
                return 0;
        r = project_entries_read(c->options->generator, &c->projects);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to run '%s': %s", c->options->generator, strerror(-r));
        c->have_projects = true;
        return 0;
}

void context_forget_projects(Context *c) {
        project_entries_done(&c->projects);
        c->projects = (ProjectEntries) {};
        c->have_projects = false;
}

int context_manager(Context *c) {
        int r = c->manager ? 0 : manager_connect(&c->manager);

        return r < 0 ? fail(EXIT_FAILURE,
                                       "Failed to reach your service manager: %s. Is this a login session? See: systemctl --user status",
                                       strerror(-r))
                     : 0;
}

int context_reload(Context *c) {
        int r = context_manager(c);

        if (r != 0)
                return r;
        r = manager_reload(c->manager);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to reload your service manager: %s", strerror(-r)) : 0;
}

int context_vm_is_down(Context *c, const char *id, bool *ret) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id)), *state = NULL;
        int r = context_manager(c);

        if (r != 0)
                return r;
        r = manager_active_state(c->manager, unit, &state);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to look at '%s': %s", id, strerror(-r));
        *ret = manager_is_down(state);
        return 0;
}

void context_done(Context *c) {
        manager_free(c->manager);
        project_entries_done(&c->projects);
}

int context_exec_program(char **argv) {
        execv(argv[0], argv);
        return fail(EXIT_FAILURE, "Failed to run '%s': %s", argv[0], strerror(errno));
}
