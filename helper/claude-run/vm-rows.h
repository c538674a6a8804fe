/* What there is of each project and VM at one moment: the rows of `list`, of `list --watch` and of `status
 * --json`. */
#pragma once

#include <systemd/sd-json.h>

#include "helper/claude-run/context.h"
#include "helper/host/agent-state.h"
#include "helper/suspend/state.h"

/* Bytes of a copy of the work directory that are not numbers. */
#define COPY_UNKNOWN UINT64_MAX
#define COPY_ABSENT (UINT64_MAX - 1)

typedef struct VmRow {
        char *name;
        char *uuid, *directory, *error; /* or NULL */
        char *remark;                   /* on one that runs; or NULL */
        const char *note;               /* or NULL */
        bool loaded;                    /* its unit is, and has a `state` */
        UnitState state;
        StateInfo suspended; /* .since_usec 0: it is not */
        AgentState agent;
        uint64_t agent_since_usec; /* CLOCK_REALTIME */
        unsigned viewers;
        uint64_t copy; /* bytes, or one of the above */
        bool has_disk, has_network;
        uint64_t disk, disk_max; /* bytes */
        uint64_t refused;        /* of the network */
} VmRow;

typedef struct VmRows {
        VmRow *items; /* owned */
        size_t n;
} VmRows;

/* What takes a moment, and is looked at where it is shown; or names and states alone. */
typedef enum VmRowsMore {
        VM_ROWS_COPIES = 1 << 0,
        VM_ROWS_NETWORK = 1 << 1,
        VM_ROWS_REMARKS = 1 << 2,
        VM_ROWS_BRIEF = 1 << 3,
} VmRowsMore;

/* Reads every row: projects in the order of the generator, then VMs of no project. 0, negative errno. */
int vm_rows_read(Context *c, unsigned more, VmRows *ret);
void vm_rows_done(VmRows *rows);

/* One VM. 0, negative errno. */
int vm_row_read(Context *c, const char *id, unsigned more, VmRow *ret);
void vm_row_done(VmRow *row);

bool vm_row_is_active(const VmRow *row);
bool vm_row_is_suspended(const VmRow *row);

/* The state of its unit, or "suspended"; for people also "broken", which is about its ini. */
const char *vm_row_state(const VmRow *row);
const char *vm_row_word(const VmRow *row);

#define VM_ROW_CELL 32U

/* How long it has been up, as ` 5m 07s`; "-": it is not. */
void vm_row_print_uptime(const VmRow *row, char ret[static VM_ROW_CELL]);

/* Why a VM does not run that should, or what else is to be said of it. NULL: nothing. */
const char *vm_row_reason(const VmRow *row);

/* The object of `list --json`. Negative errno. */
int vm_row_build_json(const VmRow *row, sd_json_variant **ret);
