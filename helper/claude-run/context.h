/* What one call of claude-run holds: its options, the projects, the connection to the service manager.
 * Functions that return an int return 0 or an exit status, and have said why on stderr. */
#pragma once

#include "helper/claude-run/options.h"
#include "helper/host/manager.h"
#include "helper/host/projects.h"

typedef struct Context {
        const RunOptions *options;
        const char *runtime_dir;
        ProjectEntries projects; /* by way of context_projects() */
        bool have_projects;
        Manager *manager; /* by way of context_manager() */
} Context;

/* Set by SIGINT; ends a wait. */
extern volatile bool context_interrupted;

/* Returns the projects of this user. Runs the generator once, at the first call, and again after they were
 * forgotten, with which all entries are gone. */
int context_projects(Context *c);
void context_forget_projects(Context *c);
int context_manager(Context *c);

/* Has the service manager run the generator and read its units anew. */
int context_reload(Context *c);

/* Asks systemd whether the VM is down. Who throws something of it away goes no further without an answer. */
int context_vm_is_down(Context *c, const char *id, bool *ret);

void context_done(Context *c);

/* Becomes a program of the PATH. */
int context_exec_program(char **argv);
