/* What the verbs of claude-run share: which VM is meant, and bringing it up. Functions that return an int
 * return 0 or an exit status, and have said why on stderr. */
#pragma once

#include "helper/claude-run/claude-run.h"
#include "helper/host/manager.h"
#include "helper/host/projects.h"

typedef struct Context {
        const RunOptions *options;
        const char *runtime_dir;
        ProjectEntries projects; /* by way of context_projects() */
        bool have_projects;
        Manager *manager; /* by way of context_manager() */
} Context;

/* Set by SIGINT: a wait ends. */
extern volatile bool interrupted;

/* The projects of this user. The generator runs once, and only if somebody asks. */
int context_projects(Context *c);
int context_manager(Context *c);
void context_done(Context *c);

/* The canonical directory that this call is about. */
int context_directory(Context *c, char **ret);

/* The instance that a word means: a project by name or UUID, or any other VM by its id. */
int resolve(Context *c, const char *word, char **ret);

/* The VM of the command line's only word, or without one the one of this directory: its project, or an
 * ad-hoc VM that runs there. */
int only_vm(Context *c, char **ret);

/* The same for the directory alone. `ret` is NULL if there is none. */
int vm_here(Context *c, char **ret);

/* Calls `run` for each VM of the command line; the last status that is not 0. */
int for_each_vm(Context *c, int (*run)(Context *c, const char *id));

/* True if sessions of the VM work without another look: its ssh master is there. */
bool has_sessions(const Context *c, const char *id);

/* Starts the VM if it does not run, and reads a changed ini before. */
int ensure_started(Context *c, const char *id);

/* One job ("StartUnit", "StopUnit") with a line of progress; on failure the reason and the guest's last
 * words. */
int run_job(Context *c, const char *method, const char *verb, const char *id);

/* Becomes a program of the PATH. */
int exec_program(char **argv);
