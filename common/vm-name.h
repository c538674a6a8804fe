/* Names of VMs: what may stand between `claude-vm@` and `.service`. */
#pragma once

#include <stdbool.h>

#define VM_NAME_MAX 40

/* The name of the ini that holds the defaults of all projects, so no project has it. */
#define VM_NAME_DEFAULTS "defaults"

/* The rule, for messages. */
#define VM_NAME_RULE                                                                                        \
        "1 to 40 letters, digits, '_', '.' and '-', with one of the first three at its beginning, not like a UUID, not beginning with 'claude-vm.', not 'defaults'"

/* True for a lower- or upper-case UUID in its 36 byte form. */
bool vm_name_is_uuid(const char *s);

/* True for [A-Za-z0-9_][A-Za-z0-9_.-]{0,39} that is not a UUID, is not `defaults`, and does not begin with
 * `claude-vm.`, which is what ssh's host names of VMs begin with: a project's name. The set needs no
 * escaping in unit names, paths, QEMU options and ssh. */
bool vm_name_is_project(const char *s);

/* True for an instance name of claude-vm@.service: a project's name or a lower-case UUID. */
bool vm_name_is_id(const char *s);

/* `claude-vm@ID.service`, owned; NULL without memory. */
char *vm_unit_name(const char *id);

/* The id from the name of a unit of ours, owned; NULL if it is another. */
char *vm_name_of_unit(const char *unit);
