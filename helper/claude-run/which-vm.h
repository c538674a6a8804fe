/* The VM that a word of the command line or a directory means. Functions that return an int return 0 or an
 * exit status, and have said why on stderr. */
#pragma once

#include "helper/claude-run/context.h"

/* The canonical directory that this call is about. */
int which_vm_directory(Context *c, char **ret);

/* Digits of a UUID that are enough to name an ad-hoc VM. */
#define WHICH_VM_PREFIX 8

/* The instance that a word means: a project by name or UUID, or any other VM by its id or the beginning of
 * it. */
int which_vm_resolve(Context *c, const char *word, char **ret);

/* The name that a word means: itself, or the only UUID that begins with it. Owned; NULL if there is none. */
char *which_vm_pick(char *const *names, const char *word);

/* Refuses a word that is no project and no VM. */
int which_vm_check(Context *c, const char *id);

/* True if the word is a project, be it a broken one, or a VM. */
bool which_vm_exists(Context *c, const char *word);

/* The VM of the command line's only word, or without one the one of this directory: its project, or an
 * ad-hoc VM that runs there. */
int which_vm_only(Context *c, char **ret);

/* The same for the directory alone. `ret` is NULL if there is none. */
int which_vm_here(Context *c, char **ret);

/* As which_vm_only(), and also a VM that has ended: by the beginning of its UUID, or without a word the one
 * that was last on this directory. */
int which_vm_or_last(Context *c, char **ret);

/* Calls `run` for each VM of the command line; the last status that is not 0. Ctrl-C in
 * one ends it. */
int which_vm_each(Context *c, int (*run)(Context *c, const char *id));

/* Returns true if sessions of the VM work without asking the manager: its ssh master is up. */
bool which_vm_has_sessions(const Context *c, const char *id);
