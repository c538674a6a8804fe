/* The snapshot lies in the VM's runtime directory, which goes with the VM. What is found at its end is kept
 * beside the requests of ad-hoc VMs: in memory, without the content of files, one file a VM. */

#include "helper/changes/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/directory.h"
#include "common/printable.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "helper/changes/scan.h"

#define NAMED_MAX 4 /* in one line */

/* The directory goes first, with the prefix of its names. A directory that is gone has nothing in it. */
static int look(const char *directory, const char *prefix, Findings *f) {
        int r = findings_add(f, FINDING_DIRECTORY, prefix, "", directory, strlen(directory));

        if (r >= 0)
                r = scan_directory(directory, prefix, f);
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
}

int changes_begin(const char *snapshot, const char *const directories[], size_t n) {
        _cleanup_findings_ Findings f = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!directories[i])
                        continue;
                _cleanup_free_ char *prefix = i == 0 ? strdup("") : strjoin(directories[i], "/", NULL);

                r = prefix ? look(directories[i], prefix, &f) : -ENOMEM;
        }
        return r < 0 ? r : findings_write(&f, snapshot, true);
}

int changes_find(const char *snapshot, Findings *ret) {
        _cleanup_findings_ Findings before = {}, now = {};
        int r = findings_read(snapshot, &before);

        if (r < 0)
                return r;
        findings_sort(&before);
        for (size_t i = 0; r >= 0 && i < before.n; i++)
                if (before.items[i].kind == FINDING_DIRECTORY)
                        r = look(before.items[i].value, before.items[i].place, &now);
        if (r < 0)
                return r;
        findings_sort(&now);
        return findings_compare(&before, &now, ret);
}

size_t changes_count(const Findings *changes) {
        size_t n = 0;

        while (n < changes->n && changes->items[n].kind == FINDING_DIRECTORY)
                n++;
        return changes->n - n;
}

const char *changes_kind(FindingKind kind) {
        static const char *const names[N_FINDING_KINDS] = {
                [FINDING_DIRECTORY] = "directory",
                [FINDING_SETTING] = "setting",
                [FINDING_FILE] = "file",
                [FINDING_REPOSITORY] = "repository",
                [FINDING_SET_ID] = "set-id",
                [FINDING_PROGRAM] = "program",
        };

        return names[kind];
}

/* The name of a change in a line: of a setting with its file. */
static int print_change(FILE *file, const Finding *f) {
        return f->kind == FINDING_SETTING ? fprintf(file, "%s in %s", f->name, f->place)
                                          : fprintf(file, "%s", f->place);
}

/* The programs of an installed package are many, so they are counted; they are the last in the list. */
static size_t count_programs(const Findings *changes) {
        size_t n = 0;

        while (n < changes->n && changes->items[changes->n - n - 1].kind == FINDING_PROGRAM)
                n++;
        return n;
}

static void print_sentence(FILE *file, const Findings *changes) {
        size_t n_programs = count_programs(changes), n = changes_count(changes) - n_programs;
        const Finding *first = changes->items + (changes->n - n_programs - n);

        fputs("Programs of this machine obey what is new or changed in the project since the VM started: ",
                        file);
        for (size_t i = 0; i < n && i < NAMED_MAX; i++) {
                fputs(i > 0 ? ", " : "", file);
                print_change(file, &first[i]);
        }
        if (n > NAMED_MAX)
                fprintf(file, " and %zu more", n - NAMED_MAX);
        if (n_programs > 0)
                fprintf(file, "%s%zu program%s in directories like node_modules/.bin", n > 0 ? "; " : "",
                                n_programs, n_programs == 1 ? "" : "s");
}

char *changes_sentence(const Findings *changes) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        print_sentence(file, changes);
        if (fclose(file) != 0)
                return NULL;
        printable_clean(text);
        return TAKE_PTR(text);
}

char *changes_kept_path(const char *runtime_dir, const char *id) {
        return strjoin(runtime_dir, "/claude-microvm/changes", id ? "/" : NULL, id, NULL);
}

int changes_end(const char *runtime_dir, const char *id, Findings *ret) {
        _cleanup_free_ char *snapshot = runtime_path_vm_file(runtime_dir, id, "changes"),
                            *kept = changes_kept_path(runtime_dir, id);
        _cleanup_findings_ Findings changes = {};
        int r = snapshot && kept ? changes_find(snapshot, &changes) : -ENOMEM;

        if (r < 0)
                return r;
        (void) unlink(kept);
        if (changes_count(&changes) > 0)
                r = directory_make_parents(kept);
        if (r >= 0 && changes_count(&changes) > 0)
                r = findings_write(&changes, kept, false);
        if (r < 0)
                return r;
        *ret = changes;
        changes = (Findings) {};
        return 0;
}
