/* Shows what programs of this machine obey in a project and is new or changed since its VM started. Of a
 * running VM it looks now; of one that has ended it has what was found then. */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/directory.h"
#include "common/printable.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/changes/changes.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/json.h"

typedef struct Report {
        const char *id;
        bool is_running, is_known;
        Findings changes;
} Report;

/* --- which VM ---------------------------------------------------------------------------- */

static bool is_of(const char *path, const char *directory) {
        _cleanup_findings_ Findings f = {};

        return findings_read(path, &f) >= 0 && f.n > 0 && f.items[0].kind == FINDING_DIRECTORY &&
                        strcmp(f.items[0].value, directory) == 0;
}

/* The VM of a directory that ended last, and left something. Owned, or NULL. */
static char *find_ended(const Context *c, const char *directory) {
        _cleanup_free_ char *kept = NEED(changes_kept_path(c->runtime_dir, NULL)), *found = NULL;
        _cleanup_closedir_ DIR *d = opendir(kept);
        struct timespec newest = {};

        for (const struct dirent *entry; d && (entry = readdir(d));) {
                _cleanup_free_ char *path = NEED(strjoin(kept, "/", entry->d_name, NULL));
                struct stat st;

                if (!vm_name_is_id(entry->d_name) || stat(path, &st) < 0 ||
                                st.st_mtim.tv_sec < newest.tv_sec || !is_of(path, directory))
                        continue;
                newest = st.st_mtim;
                free(found);
                found = NEED(strdup(entry->d_name));
        }
        return TAKE_PTR(found);
}

/* The VM that a word means: also an ad-hoc VM that has ended and left something. */
static int find_word(Context *c, char **ret) {
        _cleanup_free_ char *kept = NEED(changes_kept_path(c->runtime_dir, NULL)), *ended = NULL;
        _cleanup_strv_free_ char **names = NULL;
        int r = which_vm_only(c, ret);

        if (r == 0 && directory_list(kept, &names) >= 0)
                ended = which_vm_pick(names, *ret);
        if (ended && !which_vm_exists(c, *ret)) {
                free(*ret);
                *ret = TAKE_PTR(ended);
        }
        return r;
}

static int find_id(Context *c, char **ret) {
        _cleanup_free_ char *directory = NULL;
        int r;

        if (c->options->n_words > 0)
                return find_word(c, ret);
        r = which_vm_here(c, ret);
        if (r == 0 && !*ret)
                r = which_vm_directory(c, &directory);
        if (r != 0 || *ret)
                return r;
        *ret = find_ended(c, directory);
        return *ret ? 0
                    : fail(EXIT_CONFIGURATION,
                                      "no VM runs on this directory, and none that has ended left something that programs of this machine obey");
}

/* What has changed is unknown of a VM that has not run in this login session, and of a word that is none. */
static int read_report(Context *c, Report *report) {
        _cleanup_free_ char *snapshot = NEED(runtime_path_vm_file(c->runtime_dir, report->id, "changes")),
                            *kept = NEED(changes_kept_path(c->runtime_dir, report->id));
        int r = changes_find(snapshot, &report->changes);

        report->is_running = r >= 0;
        if (r == -ENOENT)
                r = findings_read(kept, &report->changes);
        if (r == -ENOENT)
                return which_vm_check(c, report->id);
        report->is_known = r >= 0;
        return r < 0 ? fail(EXIT_FAILURE, "Failed to find out what '%s' has changed: %s", report->id,
                                       strerror(-r))
                     : 0;
}

/* --- output ------------------------------------------------------------------------------ */

static void print_change(const Finding *f) {
        const char *change = f->is_changed ? "changed" : "new", *kind = changes_kind(f->kind);

        if (f->kind == FINDING_SETTING)
                say_line(stdout, "%-8s %-11s %s: %s = %s", change, kind, f->place, f->name, f->value);
        else
                say_line(stdout, "%-8s %-11s %s", change, kind, f->place);
}

static void print_text(const Report *report) {
        const Findings *changes = &report->changes;
        size_t n = changes_count(changes);

        for (size_t i = changes->n - n; i < changes->n; i++)
                print_change(&changes->items[i]);
        if (!report->is_known)
                say_line(stdout,
                                "Nothing is known of '%s': it has not run since you logged in, or left nothing that programs of this machine obey.",
                                report->id);
        else if (n == 0)
                say_line(stdout,
                                "Nothing that programs of this machine obey is new or changed since '%s' started.",
                                report->id);
        if (changes->is_incomplete)
                say_line(stdout,
                                "The project is too large to look at all of it: what lies deep in it is missing here.");
}

/* JSON has UTF-8 only. */
static int append_change(const Finding *f, sd_json_variant **array) {
        _cleanup_free_ char *place = NEED(printable_copy(f->place)), *name = NEED(printable_copy(f->name)),
                            *value = NEED(printable_copy(f->value));
        bool is_setting = f->kind == FINDING_SETTING;
        _cleanup_json_ sd_json_variant *object = NULL;
        int r = sd_json_buildo(&object,
                        SD_JSON_BUILD_PAIR_STRING("change", f->is_changed ? "changed" : "new"),
                        SD_JSON_BUILD_PAIR_STRING("kind", changes_kind(f->kind)),
                        SD_JSON_BUILD_PAIR_STRING("path", place),
                        SD_JSON_BUILD_PAIR_CONDITION(is_setting, "name", SD_JSON_BUILD_STRING(name)),
                        SD_JSON_BUILD_PAIR_CONDITION(is_setting, "value", SD_JSON_BUILD_STRING(value)));

        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static int print_json(const Report *report) {
        _cleanup_json_ sd_json_variant *array = NULL, *object = NULL;
        const Findings *changes = &report->changes;
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = changes->n - changes_count(changes); r >= 0 && i < changes->n; i++)
                r = append_change(&changes->items[i], &array);
        if (r >= 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", report->id),
                                SD_JSON_BUILD_PAIR_BOOLEAN("running", report->is_running),
                                SD_JSON_BUILD_PAIR_BOOLEAN("known", report->is_known),
                                SD_JSON_BUILD_PAIR_BOOLEAN(
                                                "complete", report->is_known && !changes->is_incomplete),
                                SD_JSON_BUILD_PAIR_VARIANT("changes", array));
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to print the changes: %s", strerror(-r)) : 0;
}

int verb_changes(Context *c) {
        _cleanup_free_ char *id = NULL;
        Report report = {};
        int r = find_id(c, &id);

        if (r != 0)
                return r;
        report.id = id;
        r = read_report(c, &report);
        if (r == 0 && c->options->json)
                r = print_json(&report);
        else if (r == 0)
                print_text(&report);
        findings_done(&report.changes);
        return r;
}
