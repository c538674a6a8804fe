/* diff, apply and discard: the copy on which the guest of a VM with Workspace=copy works. All that is in it
 * the guest has written, and may write while this looks. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/obeyed-names.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/agent-home.h"
#include "helper/claude-run/confirm.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/copies.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/suspended.h"
#include "helper/claude-run/verbs.h"
#include "helper/copy/apply.h"
#include "helper/copy/below.h"
#include "helper/copy/branch.h"
#include "helper/copy/data.h"
#include "helper/copy/difference.h"
#include "helper/copy/make.h"
#include "helper/json.h"

#define SHOWN_MAX (4 << 20) /* bytes of a file whose text is compared */

/* --- which changes ---------------------------------------------------------------------- */

/* What Protect= says; of a project that is gone or cannot be read, the default. */
static char *protect_of(Context *c, const char *id) {
        const ProjectEntry *p = context_projects(c) == 0 ? project_entries_find(&c->projects, id) : NULL;
        char *words = p ? project_setting(c, p, "Protect", false) : NULL;

        return words ?: NEED(strdup(PROTECT_DEFAULT));
}

/* The paths of the command line begin at the project's root. */
static bool is_chosen(const Context *c, const char *path) {
        for (unsigned i = 1; i < c->options->n_words; i++) {
                const char *word = c->options->words[i];
                size_t n = strlen(word);

                while (n > 1 && word[n - 1] == '/')
                        n--;
                if (strncmp(word, "./", 2) == 0 && n > 2) {
                        word += 2;
                        n -= 2;
                }
                if ((n == 1 && word[0] == '.') ||
                                (strncmp(path, word, n) == 0 && (path[n] == '/' || path[n] == '\0')))
                        return true;
        }
        return c->options->n_words < 2;
}

static void keep_chosen(const Context *c, Changes *changes) {
        size_t n = 0;

        for (size_t i = 0; i < changes->n; i++)
                if (is_chosen(c, changes->items[i].path))
                        changes->items[n++] = changes->items[i];
                else
                        free(changes->items[i].path);
        changes->n = n;
}

static int find_changes(Context *c, Copy *copy, const char *protect, Changes *ret) {
        int r = difference_find(copy->origin, copy->work, &copy->record, protect, ret);

        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to compare the copy of '%s': %s", copy->id, strerror(-r));
        keep_chosen(c, ret);
        if (ret->is_incomplete)
                fail(0, "a part of the copy cannot be looked at: what is removed in it is not known, and is left as it is");
        return 0;
}

/* --- diff ------------------------------------------------------------------------------- */

static const char *slash_of(const Change *change) {
        return S_ISDIR(change->mode) ? "/" : "";
}

static void print_change(const Change *change) {
        const char *refusal = change_refusal(change->refusal);

        say_line(stdout, "%-8s %s%s%s%s%s", change_kind(change->kind), change->path, slash_of(change),
                        refusal ? "  (" : "",
                        refusal                               ? refusal
                                        : change->is_conflict ? "  (changed here as well since it was copied"
                                                              : "",
                        refusal || change->is_conflict ? ")" : "");
}

static int append_change(const Change *change, sd_json_variant **array) {
        _cleanup_json_ sd_json_variant *object = NULL;
        _cleanup_free_ char *path = NEED(printable_copy(change->path));
        const char *type = S_ISDIR(change->mode) ? "directory" : S_ISLNK(change->mode) ? "link" : "file";
        int r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("change", change_kind(change->kind)),
                        SD_JSON_BUILD_PAIR_STRING("path", path), SD_JSON_BUILD_PAIR_STRING("type", type),
                        SD_JSON_BUILD_PAIR_UNSIGNED("bytes", change->size),
                        SD_JSON_BUILD_PAIR_BOOLEAN("conflict", change->is_conflict),
                        SD_JSON_BUILD_PAIR_STRING("refused", change_refusal(change->refusal)));

        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static int print_json(const Copy *copy, const Changes *changes) {
        _cleanup_json_ sd_json_variant *array = NULL, *object = NULL;
        _cleanup_free_ char *origin = NEED(printable_copy(copy->record.origin));
        int r = sd_json_variant_new_array(&array, NULL, 0);

        for (size_t i = 0; r >= 0 && i < changes->n; i++)
                r = append_change(&changes->items[i], &array);
        if (r >= 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", copy->id),
                                SD_JSON_BUILD_PAIR_STRING("directory", origin),
                                SD_JSON_BUILD_PAIR_BOOLEAN("complete", !changes->is_incomplete),
                                SD_JSON_BUILD_PAIR_VARIANT("changes", array));
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to print the changes: %s", strerror(-r)) : 0;
}

/* What a file has at this moment, in memory, so that diff reads nothing that the guest can change. A file
 * that is not there is empty. -EFBIG: it is too large; other negative errno. */
static int snapshot(int root, const char *path) {
        _cleanup_close_ int memory = memfd_create("claude-run", MFD_CLOEXEC), fd = -EBADF;
        struct stat st;
        int r;

        if (memory < 0)
                return -errno;
        fd = below_open_file(root, path, &st);
        if (fd < 0)
                return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -ENOTSUP ? TAKE_FD(memory)
                                                                                         : fd;
        if (st.st_size > SHOWN_MAX)
                return -EFBIG;
        r = data_copy(fd, memory, st.st_size);
        return r < 0 ? r : TAKE_FD(memory);
}

/* A line of a file, of which a terminal obeys nothing. */
static void say_text(char *line) {
        const char *before = "";

        for (char *piece; (piece = strsep(&line, "\t")); before = "\t") {
                printable_clean(piece);
                printf("%s%s", before, piece);
        }
        putchar('\n');
}

/* A terminal gets what is clean; a file or a pipe, as for patch(1), each byte. */
static int run_diff(const char *const argv[]) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        int r;

        fflush(stdout);
        if (!isatty(STDOUT_FILENO))
                return run_program(argv, -1);
        r = run_program_read(argv, &text);
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n")))
                if (line[0] || rest)
                        say_text(line);
        return r;
}

static char *label(const char *side, const Change *change, ChangeKind absent) {
        _cleanup_free_ char *path = NEED(printable_copy(change->path));

        return change->kind == absent ? NEED(strdup("/dev/null")) : NEED(strjoin(side, path, NULL));
}

static int diff_files(Context *c, const Change *change, int original, int changed) {
        _cleanup_free_ char *a = label("a/", change, CHANGE_NEW), *b = label("b/", change, CHANGE_REMOVED);
        char fds[2][sizeof("/dev/fd/") + 3 * sizeof(int)];
        const char *const argv[] = { c->options->diff, "--unified", "--label", a, "--label", b, fds[0],
                fds[1], NULL };
        int r;

        snprintf(fds[0], sizeof(fds[0]), "/dev/fd/%d", original);
        snprintf(fds[1], sizeof(fds[1]), "/dev/fd/%d", changed);
        /* which the child must inherit */
        if (fcntl(original, F_SETFD, 0) < 0 || fcntl(changed, F_SETFD, 0) < 0)
                return -errno;
        r = run_diff(argv);
        /* 1 means that they differ */
        return r > 1 ? -EIO : r < 0 ? r : 0;
}

static int show_text(Context *c, const Copy *copy, const Change *change) {
        _cleanup_close_ int original = snapshot(copy->origin, change->path),
                            changed = change->kind == CHANGE_REMOVED
                        ? memfd_create("claude-run", MFD_CLOEXEC)
                        : snapshot(copy->work, change->path);
        int r = original < 0 ? original : changed < 0 ? changed : diff_files(c, change, original, changed);

        if (r == -EFBIG)
                say_line(stdout, "%s is too large to show", change->path);
        else if (r < 0)
                return fail(EXIT_FAILURE, "Failed to compare '%s': %s", change->path, strerror(-r));
        return 0;
}

/* What patch(1) skips, and people read: kind, path, and what speaks against it. */
static int show_change(Context *c, const Copy *copy, const Change *change) {
        print_change(change);
        return S_ISREG(change->mode) ? show_text(c, copy, change) : 0;
}

int verb_diff(Context *c) {
        _cleanup_(copies_close) Copy copy = COPY_NONE;
        _cleanup_(changes_done) Changes changes = {};
        _cleanup_free_ char *protect = NULL;
        int r = copies_open(c, false, &copy);

        if (r != 0)
                return r;
        protect = protect_of(c, copy.id);
        r = find_changes(c, &copy, protect, &changes);
        if (r == 0 && c->options->json)
                return print_json(&copy, &changes);
        for (size_t i = 0; r == 0 && i < changes.n; i++)
                if (c->options->list)
                        print_change(&changes.items[i]);
                else
                        r = show_change(c, &copy, &changes.items[i]);
        return r;
}

/* --- apply ------------------------------------------------------------------------------ */

static const char *remedy_of(const Change *change) {
        return change->refusal == REFUSAL_PROTECTED       ? "; if you have looked at it: --with-protected"
                        : change->refusal == REFUSAL_NONE ? "; to lose what is here: --overwrite"
                                                          : "";
}

/* True if it was applied, or would be. */
static bool apply_one(Context *c, Apply *a, const Change *change) {
        const char *why = apply_refused(a, change);
        int r;

        if (why) {
                fail(0, "not applied: %s%s: %s%s", change->path, slash_of(change), why, remedy_of(change));
                return false;
        }
        r = c->options->dry_run ? 0 : apply_change(a, change);
        if (r < 0) {
                fail(0, "not applied: %s%s: %s", change->path, slash_of(change),
                                r == -ESTALE                      ? "it changes at this moment; try again"
                                                : r == -ENOTEMPTY ? "there are other files in it here"
                                                                  : strerror(-r));
                return false;
        }
        say_line(stdout, "%-8s %s%s", change_kind(change->kind), change->path, slash_of(change));
        return true;
}

static int apply_all(Context *c, Copy *copy, Changes *changes, const char *protect) {
        Apply a = {
                .origin = copy->origin,
                .work = copy->work,
                .record = &copy->record,
                .protect = protect,
                .with_protected = c->options->with_protected,
                .overwrite = c->options->overwrite,
        };
        size_t n = 0;
        int r = 0;

        if (changes->n > 0)
                qsort(changes->items, changes->n, sizeof(Change), apply_order);
        for (size_t i = 0; i < changes->n && !context_interrupted; i++)
                n += apply_one(c, &a, &changes->items[i]);
        if (!c->options->dry_run && n > 0)
                r = record_write(copy->directory, COPY_RECORD, &copy->record);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to write down what was applied from '%s': %s", copy->id,
                                strerror(-r));
        if (context_interrupted) {
                fail(0, "interrupted; the rest is not applied");
                return 128 + SIGINT;
        }
        if (changes->n == 0)
                say_line(stdout, "Nothing differs.");
        return n == changes->n ? 0 : EXIT_FAILURE;
}

/* git of the user's shell may be told of another repository. */
static void forget_repository(void) {
        static const char *const names[] = { "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE",
                "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void) unsetenv(names[i]);
}

static int apply_branch(Context *c, Copy *copy) {
        const BranchRequest request = {
                .git = c->options->git,
                .id = copy->id,
                .origin = copy->record.origin,
                .directory = copy->path,
                .work = copy->work,
                .record = &copy->record,
        };
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;
        int r;

        if (c->options->n_words > 1 || c->options->dry_run)
                return fail(EXIT_USAGE,
                                "--branch fetches all commits, and changes no file: without a path and --dry-run");
        forget_repository();
        r = branch_fetch(&request, &branches, &why);
        if (r < 0)
                return fail(EXIT_FAILURE, "%s", why ?: strerror(-r));
        for (char *const *name = branches.names; *name; name++)
                say_line(stdout, "claude/%s/%s", copy->id, *name);
        if (branches.n_odd > 0)
                fail(0, "%u refs were left out: their name or value is not one of git's", branches.n_odd);
        return 0;
}

int verb_apply(Context *c) {
        _cleanup_(copies_close) Copy copy = COPY_NONE;
        _cleanup_(changes_done) Changes changes = {};
        _cleanup_free_ char *protect = NULL;
        int r = c->options->n_words == 0
                        ? fail(EXIT_USAGE, "whose copy? Usage: claude-run apply NAME [PATH…]")
                        : copies_open(c, true, &copy);

        if (r != 0)
                return r;
        if (c->options->branch)
                return apply_branch(c, &copy);
        protect = protect_of(c, copy.id);
        r = find_changes(c, &copy, protect, &changes);
        return r != 0 ? r : apply_all(c, &copy, &changes, protect);
}

/* --- discard ---------------------------------------------------------------------------- */

static int check_stopped(Context *c, const char *id) {
        bool is_down;
        int r;

        if (suspended_exists(id))
                return fail(EXIT_FAILURE,
                                "VM '%s' is suspended, with files of it open; to end it: claude-run forget %s",
                                id, id);
        r = context_vm_is_down(c, id, &is_down);
        if (r != 0 || is_down)
                return r;
        return fail(EXIT_FAILURE, "VM '%s' works on it; to stop it: claude-run stop %s", id, id);
}

/* Whose directory it is, owned; what a broken record does not say is not needed. */
static char *origin_of(int directory) {
        Record record = {};
        char *origin;

        if (record_read(directory, COPY_RECORD, &record) < 0)
                return NEED(strdup("a directory that its record does not name"));
        origin = NEED(strdup(record.origin));
        record_done(&record);
        return origin;
}

static bool ask(const Context *c, const char *id, int directory) {
        _cleanup_free_ char *origin = origin_of(directory);

        if (c->options->yes)
                return true;
        say_line(stderr, "Discard the copy of %s, with what the agent of '%s' has done in it?", origin, id);
        say_line(stderr, "What is in it: claude-run diff %s", id);
        return confirm_ask(c, "Discard?");
}

int verb_discard(Context *c) {
        _cleanup_free_ char *id = NULL, *path = NULL;
        _cleanup_close_ int directory = -EBADF;
        int r;

        if (c->options->n_words > 1)
                return fail(EXIT_USAGE, "expected one VM, got also '%s'", c->options->words[1]);
        r = confirm_check(c, "discard asks first");
        if (r == 0)
                r = copies_lock(c, &id, &path, &directory);
        if (r == 0)
                r = check_stopped(c, id);
        if (r != 0)
                return r;
        if (!ask(c, id, directory))
                return fail(EXIT_FAILURE, "the copy of '%s' stays", id);
        /* the answer may have taken any time */
        r = check_stopped(c, id);
        if (r != 0)
                return r;
        r = copies_remove(path);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to remove '%s': %s", path, strerror(-r)) : 0;
}
