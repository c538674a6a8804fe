/* cp: tar on both sides of a session, so that links stay links and names are taken as they are, which scp
 * does not do. What a guest sends may hold more than was asked for, so it is unpacked into a directory of
 * its own beside the destination, and only the names that were asked for are moved out of that.
 *
 * The destination may lie in a share, where the same guest can put links in the way at any moment. So what
 * has been opened is named by its descriptor, and tar is kept in there by the kernel. */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/remove-tree.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/guest-errors.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/take-signal.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/sandbox/landlock.h"

/* What tar --create returns if a file or directory changed while it was read, of which it has warned:
 * nothing unusual where an agent works, and in a share a directory also seems to change when the guest
 * learns late of what the host did before (GNU tar's manual, "tar exits with"). */
#define TAR_CHANGED 1

/* The clocks of the two sides are a moment apart, so a file that has just been made is from the future for
 * the side that is behind. Nobody is helped by a warning of it. */
#define TAR_NO_CLOCK "--warning=no-timestamp"

/* In the guest: the words are paths, `~/` is the home there, and the rest is below the work directory. */
static const char resolve_script[] =
                "cd -P " GUEST_WORK " || exit 1\n"
                "resolve() { case $1 in '~/'*) p=$HOME/${1#'~/'} ;; '') p=. ;; *) p=$1 ;; esac; }\n";

static const char send_script[] =
                "n=$#\n"
                "for word; do\n"
                "        resolve \"$word\"\n"
                "        p=$(realpath --no-symlinks -- \"$p\") || exit 1\n"
                /* a link, of which nobody wants a copy */
                "        [ \"$p\" != " GUEST_WORK " ] || p=$PWD\n"
                "        [ -e \"$p\" ] || [ -L \"$p\" ] || { echo \"$p: no such file in the VM\" >&2; exit 1; }\n"
                "        set -- \"$@\" --directory=\"${p%/*}/\" \"./${p##*/}\"\n"
                "done\n"
                "shift $n\n"
                "tar --create --file=- --no-unquote \"$@\"\n"
                "r=$?\n"
                "[ $r -ne 1 ] || r=0\n" /* TAR_CHANGED */
                "exit $r\n";

/* DESTINATION, and the name of a single file, which may get another one. */
static const char receive_script[] =
                "resolve \"$1\"\n"
                "unpack() { tar --extract " TAR_NO_CLOCK
                " --preserve-permissions --no-same-owner --file=- --directory=\"$1\"; }\n"
                "if [ -d \"$p\" ]; then unpack \"$p\"; exit; fi\n"
                "case $2:$p in :* | *:*/) echo \"$p: no such directory in the VM\" >&2; exit 1 ;; esac\n"
                "parent=.\n"
                "case $p in */*) parent=${p%/*}/ ;; esac\n"
                "t=$(mktemp --directory -- \"$parent/.claude-run.XXXXXX\") || exit 1\n"
                "unpack \"$t\" && mv --no-target-directory -- \"$t/$2\" \"$p\"\n"
                "r=$?\n"
                "rm --recursive --force -- \"$t\"\n"
                "exit $r\n";

/* Splits NAME:PATH and returns the path; NULL for a path of the host. */
static const char *guest_path(const char *word, char **ret_name) {
        size_t n = strcspn(word, "/:");

        if (word[n] != ':')
                return NULL;
        *ret_name = NEED(strndup(word, n));
        return word + n + 1;
}

typedef struct Copy {
        bool to_guest;
        char **sources;    /* paths, of one side */
        char *destination; /* of the other */
        char *name;        /* of the VM; empty: that of this directory */
        char *work;        /* the work directory's path in the guest */
} Copy;

static void copy_done(Copy *copy) {
        strv_free(copy->sources);
        free(copy->destination);
        free(copy->name);
        free(copy->work);
}

/* Takes the words apart. 0 or an exit status. */
static int read_words(const RunOptions *o, Copy *copy) {
        if (o->n_words < 2)
                return fail(EXIT_USAGE, "nothing to copy; usage: claude-run cp SOURCE… DESTINATION");
        for (unsigned i = 0; i < o->n_words; i++) {
                _cleanup_free_ char *name = NULL;
                const char *path = guest_path(o->words[i], &name);
                bool is_last = i + 1 == o->n_words;

                if (is_last)
                        copy->to_guest = path;
                if (path && copy->name && strcmp(copy->name, name) != 0)
                        return fail(EXIT_USAGE, "expected one VM, got '%s' and '%s'", copy->name, name);
                if (path && !copy->name)
                        copy->name = TAKE_PTR(name);
                if (is_last)
                        copy->destination = NEED(strdup(path ?: o->words[i]));
                else
                        memory_need(strv_append(&copy->sources, path ?: o->words[i]) >= 0);
        }
        if (!copy->name)
                return fail(EXIT_USAGE,
                                "one side must be in a VM, like NAME:PATH; ':PATH' means the VM of this directory");
        for (unsigned i = 0; i + 1 < o->n_words; i++) {
                _cleanup_free_ char *name = NULL;

                if (!!guest_path(o->words[i], &name) == copy->to_guest)
                        return fail(EXIT_USAGE,
                                        "'%s' and '%s' are on the same side; the one side must be in the VM, and the other here",
                                        o->words[i], o->words[o->n_words - 1]);
        }
        return 0;
}

/* Returns the last part of a path, owned; NULL for `..` and the like, which name nothing. */
static char *name_of(const char *path) {
        _cleanup_free_ char *copy = NEED(strdup(path));
        const char *base = basename(copy);

        if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || strcmp(base, "/") == 0)
                return NULL;
        return NEED(strdup(base));
}

/* A source of the host as two arguments of tar: its directory without links, and its name. */
static int add_source(const char *path, char ***argv, char **ret_name) {
        _cleanup_free_ char *real = NULL, *copy = NULL, *directory = NULL;
        struct stat st;

        if (lstat(path, &st) < 0)
                return fail(EXIT_FAILURE, "%s: %s", path, strerror(errno));
        *ret_name = name_of(path);
        if (!*ret_name) {
                real = realpath(path, NULL);
                /* the working directory may be gone */
                if (!real)
                        return fail(EXIT_FAILURE, "%s: %s", path, strerror(errno));
                *ret_name = name_of(real);
        }
        if (!*ret_name)
                return fail(EXIT_USAGE, "%s: has no name: copy what is in it", path);
        copy = NEED(strdup(real ?: path));
        directory = realpath(dirname(copy), NULL);
        if (!directory)
                return fail(EXIT_FAILURE, "%s: %s", path, strerror(errno));
        memory_need(strv_appendf(argv, "--directory=%s", directory) >= 0 &&
                        strv_appendf(argv, "./%s", *ret_name) >= 0);
        return 0;
}

/* Appends a script for the guest's shell and its words. */
static void append_script(char ***argv, const char *script, char *const *words) {
        _cleanup_free_ char *text = NEED(strjoin(resolve_script, script, NULL)),
                            *quoted = session_quote(text);

        memory_need(strv_extend(argv, "-T", "claude-vm", "sh", "-c", quoted, "sh", NULL) >= 0);
        for (; words && *words; words++) {
                _cleanup_free_ char *word = session_quote(*words);

                memory_need(strv_append(argv, word) >= 0);
        }
}

/* tar reads what a program needs, and nothing else of the user's. Without Landlock it is as safe as GNU tar.
 */
static int confine(int directory) {
        static const char *const system[] = { "/usr", "/lib", "/lib64", "/bin", "/etc", "/nix/store" };
        int ruleset = landlock_begin(), r;

        if (ruleset < 0)
                return ruleset == -EOPNOTSUPP ? 0 : ruleset;
        r = landlock_allow(ruleset, ".", LANDLOCK_FILES);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(system); i++)
                r = landlock_allow(ruleset, system[i], LANDLOCK_READ);
        if (r >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        return r < 0 ? r : landlock_enforce(ruleset);
}

static int copied(int r) {
        return r < 0 ? fail(EXIT_FAILURE, "Failed to copy: %s", strerror(-r)) : r;
}

static int run_both(const PipeEnd *writer, const PipeEnd *reader) {
        return copied(run_program_pipe(writer, reader));
}

/* The same where one end is a guest's script, whose errors must not reach the terminal as they are. */
static int run_with_guest(PipeEnd *writer, PipeEnd *reader, PipeEnd *guest) {
        GuestErrors errors;
        int r = guest_errors_begin(&errors);

        if (r >= 0) {
                guest->errors = errors.fd;
                r = run_program_pipe(writer, reader);
                guest_errors_end(&errors);
        }
        return copied(r);
}

/* What run_both() runs, and further members of it. */
#define ANYWHERE(words, ...)                                                                                \
        (&(PipeEnd) { .argv = (const char *const *) (words), .directory = -1, __VA_ARGS__ })
#define CONFINED(words, fd, ...)                                                                            \
        (&(PipeEnd) { .argv = (const char *const *) (words),                                                \
                        .directory = (fd),                                                                  \
                        .prepare = confine,                                                                 \
                        __VA_ARGS__ })

static int copy_to_guest(Context *c, const char *id, const Copy *copy) {
        _cleanup_strv_free_ char **tar = NULL, **ssh = session_begin_ssh(c, c->options->ssh, id);
        _cleanup_free_ char *single = NULL;
        PipeEnd *guest;
        size_t n = strv_length(copy->sources);
        int r = 0;

        /* a name is what it is: `\057` in one that a guest has made would be a slash, and lead anywhere */
        memory_need(strv_extend(&tar, c->options->tar, "--create", "--file=-", "--no-unquote", NULL) >= 0);
        for (size_t i = 0; r == 0 && i < n; i++) {
                _cleanup_free_ char *name = NULL;

                r = add_source(copy->sources[i], &tar, &name);
                if (n == 1)
                        single = TAKE_PTR(name);
        }
        if (r != 0)
                return r;
        append_script(&ssh, receive_script,
                        (char *const[]) { copy->destination, single ?: (char *) "", NULL });
        guest = ANYWHERE(ssh);
        return run_with_guest(ANYWHERE(tar, .harmless = TAR_CHANGED), guest, guest);
}

static int open_directory(int parent, const char *name) {
        return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A directory over another one is merged into it, by tar again: that replaces a link in the way instead of
 * writing through it. */
static int merge(Context *c, int from, int to) {
        const char *const writer[] = { c->options->tar, "--create", "--file=-", ".", NULL };
        const char *const reader[] = { c->options->tar, "--extract", TAR_NO_CLOCK, "--file=-", NULL };

        return run_both(CONFINED(writer, from, .harmless = TAR_CHANGED), CONFINED(reader, to));
}

/* Moves what has arrived to its place. */
static int place(Context *c, int arrived, const char *name, int directory, const char *to) {
        _cleanup_close_ int from_fd = open_directory(arrived, name), to_fd = open_directory(directory, to);

        if (from_fd >= 0 && to_fd >= 0)
                return merge(c, from_fd, to_fd);
        if (renameat(arrived, name, directory, to) < 0)
                return fail(EXIT_FAILURE, "Failed to copy to '%s': %s", to, strerror(errno));
        return 0;
}

/* True for what the guest's script takes for the work directory itself. */
static bool is_work(const char *path) {
        static const char *const words[] = { "", ".", "./", GUEST_WORK, (GUEST_WORK "/") };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(path, words[i]) == 0)
                        return true;
        return false;
}

/* The name of a source in the guest, owned; the work directory itself has that of its place. */
static char *name_in_guest(const Copy *copy, const char *path) {
        return name_of(is_work(path) ? copy->work : path);
}

/* `as`: the new name of a single source; NULL: each keeps its own. */
static int place_all(Context *c, const Copy *copy, int arrived, int directory, const char *as) {
        int r = 0;

        for (char *const *source = copy->sources; r == 0 && *source; source++) {
                _cleanup_free_ char *name = name_in_guest(copy, *source);

                r = place(c, arrived, name, directory, as ?: name);
        }
        return r;
}

static int receive(Context *c, const char *id, const Copy *copy, int arrived) {
        const char *const tar[] = { c->options->tar, "--extract", TAR_NO_CLOCK, "--no-same-owner",
                "--file=-", NULL };
        _cleanup_strv_free_ char **ssh = session_begin_ssh(c, c->options->ssh, id);
        PipeEnd *guest;

        /* the input is that of a loop around us */
        memory_need(strv_append(&ssh, "-n") >= 0);
        append_script(&ssh, send_script, copy->sources);
        guest = ANYWHERE(ssh);
        return run_with_guest(guest, CONFINED(tar, arrived), guest);
}

static volatile sig_atomic_t end_signal;

static void on_end(int sig) {
        end_signal = sig;
        run_program_pipe_kill(sig);
}

/* The programs end, and we stay to remove what has arrived. */
static void take_end_signals(void) {
        const struct sigaction action = { .sa_handler = on_end };

        take_signal(SIGTERM, &action);
        take_signal(SIGHUP, &action);
}

/* Receives into a fresh directory below `directory`, whose path is `path`, and moves it to its place. */
static int receive_below(Context *c, const char *id, const Copy *copy, const char *path, int directory,
                const char *as) {
        _cleanup_free_ char *arrived = NEED(strjoin(path, "/.claude-run.XXXXXX", NULL));
        _cleanup_close_ int fd = -EBADF;
        int r;

        take_end_signals();
        if (!mkdtemp(arrived))
                return fail(EXIT_FAILURE, "Failed to copy to '%s': %s", path, strerror(errno));
        fd = open_directory(directory, strrchr(arrived, '/') + 1);
        r = fd < 0 ? fail(EXIT_FAILURE, "Failed to copy to '%s': %s", path, strerror(errno))
                   : receive(c, id, copy, fd);
        if (r == 0)
                r = place_all(c, copy, fd, directory, as);
        (void) remove_tree(arrived);
        return end_signal ? 128 + end_signal : r;
}

static int copy_from_guest(Context *c, const char *id, const Copy *copy) {
        const char *to = copy->destination;
        _cleanup_free_ char *parent = NEED(strdup(to)), *as = NULL;
        struct stat st;
        bool into = stat(to, &st) == 0 && S_ISDIR(st.st_mode);
        const char *path = into ? to : dirname(parent);
        _cleanup_close_ int directory = -EBADF;

        for (char *const *source = copy->sources; *source; source++) {
                _cleanup_free_ char *name = name_in_guest(copy, *source);

                if (!name)
                        return fail(EXIT_USAGE, "%s: has no name: copy what is in it", *source);
        }
        if (!into)
                as = name_of(to);
        if (!into && (copy->sources[1] || !as || to[strlen(to) - 1] == '/'))
                return fail(EXIT_FAILURE, "%s: no such directory", to);
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return fail(EXIT_FAILURE, "%s: %s", path, strerror(errno));
        return receive_below(c, id, copy, path, directory, as);
}

int verb_cp(Context *c) {
        _cleanup_(copy_done) Copy copy = {};
        _cleanup_free_ char *id = NULL;
        int r = read_words(c->options, &copy);

        if (r != 0 || !copy.name)
                return r;
        if (copy.name[0])
                r = which_vm_resolve(c, copy.name, &id);
        else if (which_vm_here(c, &id) != 0 || !id)
                r = fail(EXIT_CONFIGURATION, "no VM has this directory");
        if (r == 0)
                r = start_for_session(c, id);
        if (r != 0)
                return r;
        copy.work = session_guest_directory(c, id);
        return copy.to_guest ? copy_to_guest(c, id, &copy) : copy_from_guest(c, id, &copy);
}
