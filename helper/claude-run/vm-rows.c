#include "helper/claude-run/vm-rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/agent-versions.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/vm-network.h"
#include "helper/copy/make.h"
#include "helper/host/viewers.h"
#include "helper/json.h"

/* --- one row --------------------------------------------------------------------------- */

static char *copy_or_null(const char *text) {
        return text ? NEED(strdup(text)) : NULL;
}

void vm_row_done(VmRow *row) {
        free(row->name);
        free(row->uuid);
        free(row->directory);
        free(row->error);
        free(row->remark);
        unit_state_done(&row->state);
        *row = (VmRow) {};
}

bool vm_row_is_active(const VmRow *row) {
        return strcmp(row->state.active_state ?: "", "active") == 0;
}

bool vm_row_is_suspended(const VmRow *row) {
        return row->suspended.since_usec > 0;
}

/* One that could not be resumed has failed, and is suspended all the same. */
const char *vm_row_state(const VmRow *row) {
        const char *state = row->state.active_state ?: "inactive";

        return vm_row_is_suspended(row) && strcmp(state, "inactive") == 0 ? "suspended" : state;
}

const char *vm_row_word(const VmRow *row) {
        return row->error && !vm_row_is_active(row) ? "broken" : vm_row_state(row);
}

void vm_row_print_uptime(const VmRow *row, char ret[static VM_ROW_CELL]) {
        unsigned long long seconds;

        if (!vm_row_is_active(row)) {
                strcpy(ret, "-");
                return;
        }
        seconds = usec_now(CLOCK_REALTIME) / SEC - row->state.active_enter_usec / SEC;
        if (seconds < 3600)
                snprintf(ret, VM_ROW_CELL, "%2llum %2llus", seconds / 60, seconds % 60);
        else
                snprintf(ret, VM_ROW_CELL, "%2lluh %2llum", seconds / 3600, seconds / 60 % 60);
}

const char *vm_row_reason(const VmRow *row) {
        const char *state = row->state.active_state ?: "", *status = row->state.status_text;

        if (row->error || row->note || row->remark)
                return row->error ?: row->note ?: row->remark;
        if (strcmp(state, "failed") == 0)
                return status && status[0] ? status : row->state.result;
        return NULL;
}

static uint64_t size_of_copy(const char *id) {
        _cleanup_free_ char *path = copies_find(id);

        return path ? copy_disk_usage(path) : COPY_ABSENT;
}

/* A VM that is ending may have lost its network: then there is nothing to count. */
static void count_refused(const Context *c, VmRow *row) {
        _cleanup_json_ sd_json_variant *network = NULL;

        (void) vm_network_build_summary(c, row->name, &network);
        row->has_network = network != NULL;
        row->refused = network ? vm_network_number(network, "refused") : 0;
}

/* What is looked up once for all rows. */
typedef struct Reader {
        Context *c;
        unsigned more;
        DiskFiles disks;
        Viewers viewers;
        SeenImage image;
        VmRows *rows;
        char **units, **states; /* of those that are loaded */
} Reader;

#define _cleanup_reader_ _cleanup_(reader_done)

static void reader_done(Reader *reader) {
        disk_files_done(&reader->disks);
        viewers_done(&reader->viewers);
        seen_image_done(&reader->image);
        strv_free(reader->units);
        strv_free(reader->states);
}

static void look_at_active(Reader *reader, VmRow *row) {
        Context *c = reader->c;
        _cleanup_free_ char *vm_dir = NEED(runtime_path_vm(c->runtime_dir, row->name));

        row->viewers = viewers_count(&reader->viewers, c->runtime_dir, row->name);
        if (reader->more & VM_ROWS_REMARKS)
                row->remark = agent_versions_remark(c, row->name, &reader->image);
        row->agent = agent_state_read(vm_dir, &row->agent_since_usec);
        if (reader->more & VM_ROWS_NETWORK)
                count_refused(c, row);
}

/* Of all rows at once, because each question to the manager waits for two processes. */
static int look_at_units(Reader *reader, VmRow *rows, size_t n) {
        _cleanup_strv_free_ char **units = NEED(calloc(n + 1, sizeof(char *)));
        _cleanup_free_ UnitState *states = NEED(calloc(n + 1, sizeof(UnitState)));
        size_t n_units = 0;
        int r;

        for (size_t i = 0; i < n; i++)
                if (rows[i].loaded)
                        units[n_units++] = NEED(vm_unit_name(rows[i].name));
        r = manager_look_all(reader->c->manager, (const char *const *) units, n_units, states);
        if (r < 0)
                return r;
        n_units = 0;
        for (size_t i = 0; i < n; i++) {
                if (rows[i].loaded) {
                        unit_state_done(&rows[i].state);
                        rows[i].state = states[n_units++];
                }
                if (vm_row_is_active(&rows[i]))
                        look_at_active(reader, &rows[i]);
        }
        return 0;
}

static void look_at_files(Reader *reader, VmRow *row) {
        const DiskFile *disk = disk_files_find(&reader->disks, row->name, "");

        row->copy = reader->more & VM_ROWS_COPIES ? size_of_copy(row->name) : COPY_ABSENT;
        (void) suspended_look(row->name, &row->suspended);
        row->has_disk = disk != NULL;
        if (disk) {
                row->disk = disk->allocated;
                row->disk_max = disk->size;
        }
}

/* --- all of them ----------------------------------------------------------------------- */

/* The active state of a unit that is loaded, borrowed; NULL: it is not. */
static const char *listed_state(const Reader *reader, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));

        for (size_t i = 0; reader->units && reader->units[i]; i++)
                if (strcmp(reader->units[i], unit) == 0)
                        return reader->states[i];
        return NULL;
}

/* Takes the row over. */
static void add(Reader *reader, VmRow row) {
        const char *state = listed_state(reader, row.name);
        VmRows *rows = reader->rows;

        row.loaded = state != NULL;
        row.state.active_state = copy_or_null(state);
        look_at_files(reader, &row);
        rows->items = NEED(reallocarray(rows->items, rows->n + 1, sizeof(VmRow)));
        rows->items[rows->n++] = row;
}

static bool is_project(const Reader *reader, const char *id) {
        return project_entries_find(&reader->c->projects, id) != NULL;
}

static void add_projects(Reader *reader) {
        const ProjectEntries *projects = &reader->c->projects;

        for (size_t i = 0; i < projects->n; i++) {
                const ProjectEntry *p = &projects->items[i];

                add(reader,
                                (VmRow) {
                                                .name = NEED(strdup(p->name)),
                                                .uuid = copy_or_null(p->uuid),
                                                .directory = copy_or_null(p->work_directory),
                                                .error = copy_or_null(p->error),
                                });
        }
}

/* Adds those that have no ini any more, and so no unit. */
static void add_suspended(Reader *reader) {
        _cleanup_strv_free_ char **names = suspended_list();

        for (char **name = names; name && *name; name++)
                if (!is_project(reader, *name) && !listed_state(reader, *name))
                        add(reader, (VmRow) { .name = NEED(strdup(*name)) });
}

static char *uuid_of(const char *id) {
        return vm_name_is_uuid(id) ? NEED(strdup(id)) : NULL;
}

/* Adds ad-hoc VMs, and the rest of projects whose ini is gone. */
static int add_others(Reader *reader) {
        for (char **unit = reader->units; unit && *unit; unit++) {
                _cleanup_free_ char *id = vm_name_of_unit(*unit);
                char *directory = NULL;
                int r;

                /* a project's own UUID is only another name for it */
                if (!id || is_project(reader, id))
                        continue;
                if (!(reader->more & VM_ROWS_BRIEF)) {
                        r = manager_environment(
                                        reader->c->manager, *unit, PARAMETER_WORK_DIRECTORY, &directory);
                        if (r < 0)
                                return r;
                }
                add(reader,
                                (VmRow) {
                                                .name = NEED(strdup(id)),
                                                .uuid = uuid_of(id),
                                                .directory = directory,
                                });
        }
        return 0;
}

/* A copy takes room after its VM has ended, also if that was an ad-hoc one or its project is gone. */
static void add_copies(Reader *reader) {
        _cleanup_strv_free_ char **names = copies_list();

        for (char *const *name = names; name && *name; name++)
                if (vm_name_is_id(*name) && !listed_state(reader, *name) && !is_project(reader, *name))
                        add(reader,
                                        (VmRow) {
                                                        .name = NEED(strdup(*name)),
                                                        .uuid = uuid_of(*name),
                                                        .directory = copies_origin(*name),
                                                        .note = "only the copy of the directory is left; to see what differs, or to remove it: claude-run diff, claude-run discard",
                                        });
}

int vm_rows_read(Context *c, unsigned more, VmRows *ret) {
        _cleanup_reader_ Reader reader = { .c = c, .more = more, .disks.directory = -EBADF, .rows = ret };
        int r = more & VM_ROWS_BRIEF ? 0 : disk_files_read(&reader.disks);

        *ret = (VmRows) {};
        if (r >= 0)
                r = manager_list(c->manager, "claude-vm@*.service", &reader.units, &reader.states);
        if (r >= 0) {
                add_projects(&reader);
                add_suspended(&reader);
                r = add_others(&reader);
        }
        if (r >= 0) {
                add_copies(&reader);
                if (!(more & VM_ROWS_BRIEF))
                        r = look_at_units(&reader, ret->items, ret->n);
        }
        if (r < 0)
                vm_rows_done(ret);
        return r < 0 ? r : 0;
}

void vm_rows_done(VmRows *rows) {
        for (size_t i = 0; i < rows->n; i++)
                vm_row_done(&rows->items[i]);
        free(rows->items);
        *rows = (VmRows) {};
}

int vm_row_read(Context *c, const char *id, unsigned more, VmRow *ret) {
        _cleanup_reader_ Reader reader = { .c = c, .more = more, .disks.directory = -EBADF };
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));
        const ProjectEntry *p = project_entries_find(&c->projects, id);
        VmRow row = {
                .name = NEED(strdup(id)),
                .uuid = p ? copy_or_null(p->uuid) : uuid_of(id),
                .error = p ? copy_or_null(p->error) : NULL,
                .loaded = true,
        };
        int r = disk_files_read(&reader.disks);

        if (r >= 0) {
                look_at_files(&reader, &row);
                r = look_at_units(&reader, &row, 1);
        }
        if (r >= 0)
                r = manager_environment(c->manager, unit, PARAMETER_WORK_DIRECTORY, &row.directory);
        if (r < 0)
                vm_row_done(&row);
        else
                *ret = row;
        return r < 0 ? r : 0;
}

/* --- for programs ---------------------------------------------------------------------- */

/* A text that is empty or missing is null. */
static const char *or_null(const char *text) {
        return text && text[0] ? text : NULL;
}

/* A number that is not there is null. */
#define PAIR_NUMBER(name, there, number)                                                                    \
        SD_JSON_BUILD_PAIR_CONDITION((there), name, SD_JSON_BUILD_UNSIGNED(number)),                        \
                        SD_JSON_BUILD_PAIR_CONDITION(!(there), name, SD_JSON_BUILD_NULL)

/* Each object has each member, and null says that there is nothing. */
int vm_row_build_json(const VmRow *row, sd_json_variant **ret) {
        const UnitState *state = &row->state;
        bool has_memory = vm_row_is_active(row) && state->memory != UINT64_MAX;
        bool suspended = vm_row_is_suspended(row), says = row->agent != AGENT_UNKNOWN;

        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("name", row->name),
                        SD_JSON_BUILD_PAIR_STRING("uuid", row->uuid),
                        SD_JSON_BUILD_PAIR_STRING("state", vm_row_state(row)),
                        SD_JSON_BUILD_PAIR_STRING("result", or_null(state->result)),
                        SD_JSON_BUILD_PAIR_INTEGER("exitStatus", state->exec_main_status),
                        SD_JSON_BUILD_PAIR_STRING("status", or_null(state->status_text)),
                        SD_JSON_BUILD_PAIR_STRING("error", row->error),
                        SD_JSON_BUILD_PAIR_STRING("agent", agent_state_word(row->agent)),
                        PAIR_NUMBER("agentSinceUSec", says, row->agent_since_usec),
                        PAIR_NUMBER("activeSinceUSec", state->active_enter_usec > 0,
                                        state->active_enter_usec),
                        PAIR_NUMBER("memoryBytes", has_memory, state->memory),
                        PAIR_NUMBER("suspendedSinceUSec", suspended, row->suspended.since_usec),
                        PAIR_NUMBER("suspendedBytes", suspended, row->suspended.bytes),
                        SD_JSON_BUILD_PAIR_UNSIGNED("viewers", row->viewers),
                        PAIR_NUMBER("copyBytes", row->copy < COPY_ABSENT, row->copy),
                        PAIR_NUMBER("diskBytes", row->has_disk, row->disk),
                        PAIR_NUMBER("diskMaxBytes", row->has_disk, row->disk_max),
                        SD_JSON_BUILD_PAIR_STRING("directory", row->directory));
}
