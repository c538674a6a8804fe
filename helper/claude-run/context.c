#include "helper/claude-run/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/claude-run/fail.h"

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

int context_manager(Context *c) {
        int r = c->manager ? 0 : manager_connect(&c->manager);

        return r < 0 ? fail(EXIT_FAILURE,
                                       "Failed to reach your service manager: %s. Is this a login session? See: systemctl --user status",
                                       strerror(-r))
                     : 0;
}

void context_done(Context *c) {
        manager_free(c->manager);
        project_entries_done(&c->projects);
}

int context_exec_program(char **argv) {
        execv(argv[0], argv);
        return fail(EXIT_FAILURE, "Failed to run '%s': %s", argv[0], strerror(errno));
}
