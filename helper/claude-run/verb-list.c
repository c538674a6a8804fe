/* Lists projects and VMs, a row each, for people or as JSON; and shows the status of one. */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/old-images.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/vm-network.h"
#include "helper/claude-run/vm-rows.h"
#include "helper/claude-run/watch.h"
#include "helper/claude-run/which-vm.h"
#include "helper/json.h"

/* --- for people ------------------------------------------------------------------------ */

static void print_memory(const VmRow *row, char ret[static VM_ROW_CELL]) {
        if (vm_row_is_active(row) && row->state.memory != UINT64_MAX)
                snprintf(ret, VM_ROW_CELL, "%lluM", (unsigned long long) (row->state.memory >> 20));
        else
                strcpy(ret, "-");
}

static void print_copy(const VmRow *row, char ret[static VM_ROW_CELL]) {
        if (row->copy == COPY_ABSENT)
                strcpy(ret, "-");
        else if (row->copy == COPY_UNKNOWN)
                strcpy(ret, "?");
        else
                snprintf(ret, VM_ROW_CELL, "%lluM", (unsigned long long) (row->copy + (1 << 20) - 1) >> 20);
}

static void print_disk(const VmRow *row, char ret[static VM_ROW_CELL]) {
        char allocated[DISK_SIZE_MAX], size[DISK_SIZE_MAX];

        if (!row->has_disk) {
                strcpy(ret, "-");
                return;
        }
        disk_print_size(row->disk, allocated);
        disk_print_size(row->disk_max, size);
        snprintf(ret, VM_ROW_CELL, "%s/%s", allocated, size);
}

/* `~` for the home. */
static char *shorten(const char *directory) {
        const char *home = getenv("HOME") ?: "";
        size_t n = strlen(home);

        if (n > 1 && strncmp(directory, home, n) == 0 && (directory[n] == '/' || directory[n] == '\0'))
                return NEED(strjoin("~", directory + n, NULL));
        return NEED(strdup(directory));
}

/* On lines of their own: they are as long as they are. */
static void print_reason(const VmRow *row) {
        const char *reason = vm_row_reason(row);
        char suspended[SUSPENDED_TEXT_MAX];

        if (reason)
                say_line(stdout, "  %s", reason);
        if (vm_row_is_suspended(row) && suspended_print(row->name, suspended))
                say_line(stdout, "  %s; to go on: claude-run resume %s", suspended, row->name);
}

static void print_heading(const Context *c) {
        if (c->options->wide)
                say_line(stdout, "%-20s %-10s %-8s %-8s %6s %11s %6s %7s %-36s %s", "NAME", "STATE", "AGENT",
                                "UPTIME", "MEMORY", "DISK", "COPY", "VIEWERS", "UUID", "DIRECTORY");
        else
                say_line(stdout, "%-20s %-10s %-8s %-8s %6s  %s", "NAME", "STATE", "AGENT", "UPTIME",
                                "MEMORY", "DIRECTORY");
}

/* An ad-hoc VM by as much of its UUID as tells it from others; which_vm_resolve() takes that. */
static int name_width(const Context *c, const char *name) {
        return vm_name_is_uuid(name) && !c->options->wide ? WHICH_VM_PREFIX : (int) strlen(name);
}

static void print_row(const Context *c, const VmRow *row) {
        char uptime[VM_ROW_CELL], memory[VM_ROW_CELL], copy[VM_ROW_CELL], disk[VM_ROW_CELL];
        int n = name_width(c, row->name);
        const char *agent = agent_state_word(row->agent) ?: "-";
        _cleanup_free_ char *directory = row->directory ? shorten(row->directory) : NULL;

        vm_row_print_uptime(row, uptime);
        print_memory(row, memory);
        print_disk(row, disk);
        print_copy(row, copy);
        if (c->options->wide)
                say_line(stdout, "%-20s %-10s %-8s %-8s %6s %11s %6s %7u %-36s %s", row->name,
                                vm_row_word(row), agent, uptime, memory, disk, copy, row->viewers,
                                row->uuid ?: "-", row->directory ?: "-");
        else
                say_line(stdout, "%-20.*s %-10s %-8s %-8s %6s  %s", n, row->name, vm_row_word(row), agent,
                                uptime, memory, directory ?: "-");
        print_reason(row);
}

static void print_rows(const Context *c, const VmRows *rows) {
        print_heading(c);
        for (size_t i = 0; i < rows->n; i++)
                print_row(c, &rows->items[i]);
        old_images_print();
}

static void print_brief(const Context *c, const VmRows *rows) {
        for (size_t i = 0; i < rows->n; i++)
                say_line(stdout, "%-20.*s %s", name_width(c, rows->items[i].name), rows->items[i].name,
                                vm_row_word(&rows->items[i]));
}

/* --- for programs ---------------------------------------------------------------------- */

static int print_json(const VmRows *rows) {
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = 0; r >= 0 && i < rows->n; i++) {
                _cleanup_json_ sd_json_variant *object = NULL;

                r = vm_row_build_json(&rows->items[i], &object);
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, object);
        }
        return r < 0 ? r : sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
}

/* --- the verbs ------------------------------------------------------------------------- */

static int check_words(const RunOptions *o) {
        if (o->n_words > 0)
                return fail(EXIT_USAGE, "list takes no name; of one VM: claude-run status %s", o->words[0]);
        if ((o->json || o->wide) + o->brief + o->watch > 1)
                return fail(EXIT_USAGE, "--brief, --watch and --json or --wide exclude each other");
        return 0;
}

int verb_list(Context *c) {
        const RunOptions *o = c->options;
        unsigned more = o->brief
                        ? VM_ROWS_BRIEF
                        : (o->json || o->wide ? VM_ROWS_COPIES : 0) | (o->json ? 0 : VM_ROWS_REMARKS);
        _cleanup_(vm_rows_done) VmRows rows = {};
        int r = check_words(o);

        if (r == 0)
                r = context_manager(c);
        if (r == 0 && o->watch)
                return watch(c);
        if (r == 0)
                r = context_projects(c);
        if (r != 0)
                return r;
        r = vm_rows_read(c, more, &rows);
        if (r >= 0 && o->brief)
                print_brief(c, &rows);
        else if (r >= 0 && o->json)
                r = print_json(&rows);
        else if (r >= 0)
                print_rows(c, &rows);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to list VMs: %s", strerror(-r)) : 0;
}

/* The row of one VM, as `list --json` has it, and its network. */
static int print_status_json(Context *c, const char *id) {
        _cleanup_json_ sd_json_variant *object = NULL, *network = NULL;
        _cleanup_(vm_row_done) VmRow row = {};
        int r = context_manager(c);

        if (r == 0)
                r = context_projects(c);
        if (r != 0)
                return r;
        r = vm_row_read(c, id, VM_ROWS_COPIES, &row);
        if (r >= 0)
                r = vm_row_build_json(&row, &object);
        if (r >= 0)
                r = vm_network_build_summary(c, id, &network);
        if (r >= 0)
                r = sd_json_variant_set_field(&object, "network", network);
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
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
