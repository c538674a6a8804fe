/* Lists projects and VMs: a row each, for people or as JSON. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/vm-network.h"
#include "helper/claude-run/which-vm.h"
#include "helper/copy/make.h"
#include "helper/host/viewers.h"
#include "helper/json.h"

#define CELL_MAX 32

typedef struct Row {
        const char *name;
        const char *uuid, *directory, *error, *note; /* or NULL */
        UnitState state;
        StateInfo suspended; /* .since_usec 0: it is not */
        unsigned viewers;
        uint64_t copy;        /* bytes of the copy of the directory, or one of these */
        const DiskFile *disk; /* or NULL */
} Row;

#define COPY_UNKNOWN UINT64_MAX
#define COPY_ABSENT (UINT64_MAX - 1)

static bool is_active(const UnitState *state) {
        return strcmp(state->active_state ?: "", "active") == 0;
}

static bool is_suspended(const Row *row) {
        return row->suspended.since_usec > 0;
}

/* One that could not be resumed has failed, and is suspended all the same. */
static const char *state_of(const Row *row) {
        const char *state = row->state.active_state ?: "inactive";

        return is_suspended(row) && strcmp(state, "inactive") == 0 ? "suspended" : state;
}

static void print_uptime(const UnitState *state, char ret[static CELL_MAX]) {
        uint64_t seconds;

        if (!is_active(state)) {
                strcpy(ret, "-");
                return;
        }
        seconds = usec_now(CLOCK_REALTIME) / SEC - state->active_enter_usec / SEC;
        if (seconds < 3600)
                snprintf(ret, CELL_MAX, "%2llum %2llus", (unsigned long long) (seconds / 60),
                                (unsigned long long) (seconds % 60));
        else
                snprintf(ret, CELL_MAX, "%2lluh %2llum", (unsigned long long) (seconds / 3600),
                                (unsigned long long) (seconds / 60 % 60));
}

static void print_memory(const UnitState *state, char ret[static CELL_MAX]) {
        if (is_active(state) && state->memory != UINT64_MAX)
                snprintf(ret, CELL_MAX, "%lluM", (unsigned long long) (state->memory >> 20));
        else
                strcpy(ret, "-");
}

/* An owned or borrowed text that is empty or missing is null. */
static const char *or_null(const char *text) {
        return text && text[0] ? text : NULL;
}

/* Each object has each member, and null says that there is nothing. */
static int build_json(const Row *row, sd_json_variant **ret) {
        const UnitState *state = &row->state;
        bool has_memory = is_active(state) && state->memory != UINT64_MAX;

        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("name", row->name),
                        SD_JSON_BUILD_PAIR_STRING("uuid", row->uuid),
                        SD_JSON_BUILD_PAIR_STRING("state", state_of(row)),
                        SD_JSON_BUILD_PAIR_STRING("result", or_null(state->result)),
                        SD_JSON_BUILD_PAIR_INTEGER("exitStatus", state->exec_main_status),
                        SD_JSON_BUILD_PAIR_STRING("status", or_null(state->status_text)),
                        SD_JSON_BUILD_PAIR_STRING("error", row->error),
                        SD_JSON_BUILD_PAIR_CONDITION(state->active_enter_usec > 0, "activeSinceUSec",
                                        SD_JSON_BUILD_UNSIGNED(state->active_enter_usec)),
                        SD_JSON_BUILD_PAIR_CONDITION(state->active_enter_usec == 0, "activeSinceUSec",
                                        SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        has_memory, "memoryBytes", SD_JSON_BUILD_UNSIGNED(state->memory)),
                        SD_JSON_BUILD_PAIR_CONDITION(!has_memory, "memoryBytes", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_CONDITION(is_suspended(row), "suspendedSinceUSec",
                                        SD_JSON_BUILD_UNSIGNED(row->suspended.since_usec)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        !is_suspended(row), "suspendedSinceUSec", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_CONDITION(is_suspended(row), "suspendedBytes",
                                        SD_JSON_BUILD_UNSIGNED(row->suspended.bytes)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        !is_suspended(row), "suspendedBytes", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_UNSIGNED("viewers", row->viewers),
                        SD_JSON_BUILD_PAIR_CONDITION(row->copy < COPY_ABSENT, "copyBytes",
                                        SD_JSON_BUILD_UNSIGNED(row->copy)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        row->copy >= COPY_ABSENT, "copyBytes", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_CONDITION(!!row->disk, "diskBytes",
                                        SD_JSON_BUILD_UNSIGNED(row->disk ? row->disk->allocated : 0)),
                        SD_JSON_BUILD_PAIR_CONDITION(!row->disk, "diskBytes", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_CONDITION(!!row->disk, "diskMaxBytes",
                                        SD_JSON_BUILD_UNSIGNED(row->disk ? row->disk->size : 0)),
                        SD_JSON_BUILD_PAIR_CONDITION(!row->disk, "diskMaxBytes", SD_JSON_BUILD_NULL),
                        SD_JSON_BUILD_PAIR_STRING("directory", row->directory));
}

static void print_copy(const Row *row, char ret[static CELL_MAX]) {
        if (row->copy == COPY_ABSENT)
                strcpy(ret, "-");
        else if (row->copy == COPY_UNKNOWN)
                strcpy(ret, "?");
        else
                snprintf(ret, CELL_MAX, "%lluM", (unsigned long long) (row->copy + (1 << 20) - 1) >> 20);
}

static void print_disk(const Row *row, char ret[static CELL_MAX]) {
        char allocated[DISK_SIZE_MAX], size[DISK_SIZE_MAX];

        if (!row->disk) {
                strcpy(ret, "-");
                return;
        }
        disk_print_size(row->disk->allocated, allocated);
        disk_print_size(row->disk->size, size);
        snprintf(ret, CELL_MAX, "%s/%s", allocated, size);
}

/* `~` for the home. */
static char *shorten(const char *directory) {
        const char *home = getenv("HOME") ?: "";
        size_t n = strlen(home);

        if (n > 1 && strncmp(directory, home, n) == 0 && (directory[n] == '/' || directory[n] == '\0'))
                return NEED(strjoin("~", directory + n, NULL));
        return NEED(strdup(directory));
}

/* Why a VM does not run that should, on a line of its own: it is as long as it is. */
static void print_reason(const Row *row) {
        const char *state = row->state.active_state ?: "", *status = or_null(row->state.status_text);
        char suspended[SUSPENDED_TEXT_MAX];

        if (row->error || row->note)
                say_line(stdout, "  %s", row->error ?: row->note);
        else if (strcmp(state, "failed") == 0)
                say_line(stdout, "  %s", status ?: row->state.result);
        if (is_suspended(row) && suspended_print(row->name, suspended))
                say_line(stdout, "  %s; to go on: claude-run resume %s", suspended, row->name);
}

/* An ad-hoc VM by as much of its UUID as tells it from others; which_vm_resolve() takes that. */
static void print_text(const Context *c, const Row *row) {
        char uptime[CELL_MAX], memory[CELL_MAX], copy[CELL_MAX], disk[CELL_MAX];
        int n = vm_name_is_uuid(row->name) && !c->options->wide ? WHICH_VM_PREFIX : (int) strlen(row->name);
        const char *state = row->error && !is_active(&row->state) ? "broken" : state_of(row);
        _cleanup_free_ char *directory = row->directory ? shorten(row->directory) : NULL;

        print_uptime(&row->state, uptime);
        print_memory(&row->state, memory);
        print_disk(row, disk);
        print_copy(row, copy);
        if (c->options->wide)
                say_line(stdout, "%-20s %-10s %-8s %6s %11s %6s %7u %-36s %s", row->name, state, uptime,
                                memory, disk, copy, row->viewers, row->uuid ?: "-", row->directory ?: "-");
        else
                say_line(stdout, "%-20.*s %-10s %-8s %6s  %s", n, row->name, state, uptime, memory,
                                directory ?: "-");
        print_reason(row);
}

static int print_row(Context *c, Row *row, sd_json_variant **array) {
        _cleanup_json_ sd_json_variant *object = NULL;
        int r;

        if (!c->options->json) {
                print_text(c, row);
                return 0;
        }
        r = build_json(row, &object);
        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static bool is_listed(char *const *units, const char *id) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id));

        for (; units && *units; units++)
                if (strcmp(*units, unit) == 0)
                        return true;
        return false;
}

/* It takes a moment, so it is not asked where it is not shown. */
static uint64_t size_of_copy(const Context *c, const char *id) {
        _cleanup_free_ char *path = c->options->json || c->options->wide ? copies_find(id) : NULL;

        return path ? copy_disk_usage(path) : COPY_ABSENT;
}

static int look_at(Context *c, Row *row) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(row->name));
        int r = manager_state(c->manager, unit, &row->state);

        if (r >= 0 && is_active(&row->state))
                row->viewers = viewers_count(c->runtime_dir, row->name);
        return r;
}

static int list_one(Context *c, Row *row, bool loaded, sd_json_variant **array) {
        int r = loaded ? look_at(c, row) : 0;

        row->copy = size_of_copy(c, row->name);
        (void) suspended_look(row->name, &row->suspended);
        if (r >= 0)
                r = print_row(c, row, array);
        unit_state_done(&row->state);
        return r;
}

/* Lists an ad-hoc VM, or the rest of a project whose ini is gone. */
static int list_other(Context *c, const char *unit, const char *id, sd_json_variant **array) {
        _cleanup_free_ char *directory = NULL;
        Row row = { .name = id, .uuid = vm_name_is_uuid(id) ? id : NULL };
        int r = manager_environment(c->manager, unit, PARAMETER_WORK_DIRECTORY, &directory);

        row.directory = directory;
        return r < 0 ? r : list_one(c, &row, true, array);
}

/* Lists one that has no ini any more, and so no unit. */
static int list_suspended(Context *c, char *const *units, sd_json_variant **array) {
        _cleanup_strv_free_ char **names = suspended_list();
        int r = 0;

        for (char **name = names; r >= 0 && name && *name; name++) {
                Row row = { .name = *name };

                if (!project_entries_find(&c->projects, *name) && !is_listed(units, *name))
                        r = list_one(c, &row, false, array);
        }
        return r;
}

static int list_all(Context *c, char *const *units, sd_json_variant **array) {
        _cleanup_(disk_files_done) DiskFiles disks = { .directory = -EBADF };
        int r = disk_files_read(&disks);

        for (size_t i = 0; r >= 0 && i < c->projects.n; i++) {
                const ProjectEntry *p = &c->projects.items[i];
                Row row = {
                        .name = p->name,
                        .uuid = p->uuid,
                        .directory = p->work_directory,
                        .error = p->error,
                        .disk = disk_files_find(&disks, p->name, ""),
                };

                r = list_one(c, &row, is_listed(units, p->name), array);
        }
        if (r >= 0)
                r = list_suspended(c, units, array);
        for (; r >= 0 && units && *units; units++) {
                _cleanup_free_ char *id = vm_name_of_unit(*units);

                /* a project's own UUID is only another name for it */
                if (id && !project_entries_find(&c->projects, id))
                        r = list_other(c, *units, id, array);
        }
        return r;
}

/* A copy takes room after its VM has ended, also if that was an ad-hoc one or its project is gone. */
static int list_copies(Context *c, char *const *units, sd_json_variant **array) {
        _cleanup_strv_free_ char **names = copies_list();
        int r = 0;

        for (char *const *name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *origin = copies_origin(*name);
                Row row = {
                        .name = *name,
                        .uuid = vm_name_is_uuid(*name) ? *name : NULL,
                        .directory = origin,
                        .note = "only the copy of the directory is left; to see what differs, or to remove it: claude-run diff, claude-run discard",
                };

                if (!vm_name_is_id(*name) || is_listed(units, *name) ||
                                project_entries_find(&c->projects, *name))
                        continue;
                r = list_one(c, &row, false, array);
        }
        return r;
}

static void print_heading(const Context *c) {
        if (c->options->wide)
                say_line(stdout, "%-20s %-10s %-8s %6s %11s %6s %7s %-36s %s", "NAME", "STATE", "UPTIME",
                                "MEMORY", "DISK", "COPY", "VIEWERS", "UUID", "DIRECTORY");
        else
                say_line(stdout, "%-20s %-10s %-8s %6s  %s", "NAME", "STATE", "UPTIME", "MEMORY",
                                "DIRECTORY");
}

int verb_list(Context *c) {
        _cleanup_json_ sd_json_variant *array = NULL;
        _cleanup_strv_free_ char **units = NULL;
        int r = c->options->n_words > 0
                        ? fail(EXIT_USAGE, "list takes no name; of one VM: claude-run status %s",
                                          c->options->words[0])
                        : context_manager(c);

        if (r == 0)
                r = context_projects(c);
        if (r != 0)
                return r;
        r = manager_list(c->manager, "claude-vm@*.service", &units);
        if (r >= 0 && c->options->json)
                r = sd_json_variant_new_array(&array, NULL, 0);
        else if (r >= 0)
                print_heading(c);
        if (r >= 0)
                r = list_all(c, units, &array);
        if (r >= 0)
                r = list_copies(c, units, &array);
        if (r >= 0 && c->options->json)
                r = sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to list VMs: %s", strerror(-r)) : 0;
}

/* The row of one VM, as `list --json` has it, and its network. */
static int print_status_json(Context *c, const char *id) {
        _cleanup_json_ sd_json_variant *object = NULL, *network = NULL;
        _cleanup_(disk_files_done) DiskFiles disks = { .directory = -EBADF };
        _cleanup_free_ char *directory = NULL, *unit = NEED(vm_unit_name(id));
        Row row = { .name = id, .uuid = vm_name_is_uuid(id) ? id : NULL };
        const ProjectEntry *p;
        int r = context_manager(c);

        if (r == 0)
                r = context_projects(c);
        if (r != 0)
                return r;
        p = project_entries_find(&c->projects, id);
        if (p) {
                row.uuid = p->uuid;
                row.error = p->error;
        }
        (void) suspended_look(id, &row.suspended);
        r = look_at(c, &row);
        if (r >= 0)
                r = manager_environment(c->manager, unit, PARAMETER_WORK_DIRECTORY, &directory);
        row.directory = directory;
        row.copy = size_of_copy(c, id);
        if (r >= 0)
                r = disk_files_read(&disks);
        row.disk = disk_files_find(&disks, id, "");
        if (r >= 0)
                r = build_json(&row, &object);
        if (r >= 0)
                r = vm_network_build_summary(c, id, &network);
        if (r >= 0)
                r = sd_json_variant_set_field(&object, "network", network);
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        unit_state_done(&row.state);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to look at '%s': %s", id, strerror(-r)) : 0;
}

int verb_status(Context *c) {
        _cleanup_free_ char *id = NULL, *unit = NULL;
        _cleanup_strv_free_ char **argv = NULL;
        char suspended[SUSPENDED_TEXT_MAX];
        int r = which_vm_only(c, &id);

        if (r != 0)
                return r;
        if (c->options->json)
                return print_status_json(c, id);
        if (suspended_print(id, suspended))
                say_line(stdout, "VM '%s' is %s. To go on: claude-run resume %s", id, suspended, id);
        vm_network_print_line(c, id);
        fflush(stdout);
        unit = NEED(vm_unit_name(id));
        memory_need(strv_extend(&argv, c->options->systemctl, "--user", "status", unit, NULL) >= 0);
        return context_exec_program(argv);
}
