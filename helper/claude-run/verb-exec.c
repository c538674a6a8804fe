/* Ways into a VM beside its agent: commands, shells, copies. All of them are ssh: an exec'd one where
 * nothing is left to be done after it. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"
#include "common/strv.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

/* `exec npm test` in a project means a command, and is told so: npm could be a VM. */
static int check_name(Context *c) {
        _cleanup_free_ char *here = NULL;
        const char *word = c->options->n_words > 0 ? c->options->words[0] : NULL;

        if (!word || which_vm_has_sessions(c, word) || which_vm_exists(c, word))
                return 0;
        if (which_vm_here(c, &here) == 0 && here)
                return fail(EXIT_CONFIGURATION,
                                "no project and no VM is called '%s'; for a command in the VM of this directory: claude-run exec -- %s",
                                word, word);
        return which_vm_check(c, word);
}

int verb_exec(Context *c) {
        _cleanup_free_ char *id = NULL, *below = NULL;
        const RunOptions *o = c->options;
        Session session;
        int r;

        if (!o->arguments || !o->arguments[0])
                return fail(EXIT_USAGE,
                                "no command given; usage: claude-run exec NAME COMMAND…, or in the VM of this directory: claude-run exec -- COMMAND…");
        if (o->detach && o->terminal)
                return fail(EXIT_USAGE, "--detach and --tty exclude each other");
        r = check_name(c);
        if (r == 0)
                r = start_vm_for_session(c, &id);
        if (r != 0)
                return r;
        below = session_find_below(c, id);
        session = session_make(c, id, NULL, o->arguments, o->terminal);
        session.below = below;
        session.detached = o->detach;
        r = session.terminal ? session_run(&session) : session_exec(&session);
        return r < 0 ? session_not_run(session.ssh, r) : r;
}

int verb_shell(Context *c) {
        _cleanup_free_ char *id = NULL, *below = NULL;
        Session session;
        int r = start_vm_for_session(c, &id);

        if (r != 0)
                return r;
        below = session_find_below(c, id);
        session = session_make(c, id, NULL, NULL, isatty(STDIN_FILENO));
        session.below = below;
        r = session_run(&session);
        return r < 0 ? session_not_run(session.ssh, r) : r;
}

/* `program -F CONFIG` and `user`, if there is one, as the beginning of a command line. */
static char **begin_ssh(Context *c, const char *program, const char *id) {
        _cleanup_free_ char *config = NEED(runtime_path_vm_file(c->runtime_dir, id, "ssh.config"));
        char **argv = NULL;

        memory_need(strv_extend(&argv, program, "-F", config, NULL) >= 0);
        if (c->options->user)
                memory_need(strv_extend(&argv, "-o", "ControlPath=none", "-o", NULL) >= 0 &&
                                strv_appendf(&argv, "User=%s", c->options->user) >= 0);
        return argv;
}

int verb_ssh(Context *c) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r = start_vm_for_session(c, &id);

        if (r != 0)
                return r;
        argv = begin_ssh(c, c->options->ssh, id);
        memory_need(strv_append(&argv, "claude-vm") >= 0);
        for (char *const *a = c->options->arguments; a && *a; a++)
                memory_need(strv_append(&argv, *a) >= 0);
        if (!isatty(STDIN_FILENO))
                return context_exec_program(argv);
        r = session_run_program(argv, true, false);
        return r < 0 ? session_not_run(argv[0], r) : r;
}

/* Splits NAME:PATH and returns the path; NULL for a path of the host. */
static const char *guest_path(const char *word, char **ret_name) {
        size_t n = strcspn(word, "/:");

        if (word[n] != ':')
                return NULL;
        *ret_name = NEED(strndup(word, n));
        return word + n + 1;
}

/* The one VM that the words of a copy name. */
static int vm_of_copy(Context *c, char **ret) {
        _cleanup_free_ char *name = NULL;

        for (unsigned i = 0; i < c->options->n_words; i++) {
                _cleanup_free_ char *other = NULL;

                if (!guest_path(c->options->words[i], &other))
                        continue;
                if (name && strcmp(name, other) != 0)
                        return fail(EXIT_USAGE, "expected one VM, got '%s' and '%s'", name, other);
                free(name);
                name = TAKE_PTR(other);
        }
        if (!name)
                return fail(EXIT_USAGE,
                                "one side must be in a VM, like NAME:PATH; ':PATH' means the VM of this directory");
        if (name[0])
                return which_vm_resolve(c, name, ret);
        return which_vm_here(c, ret) != 0 || !*ret ? fail(EXIT_CONFIGURATION, "no VM has this directory")
                                                   : 0;
}

/* `./` keeps a path of the host from looking like NAME:PATH or an option. */
static void append_path(char ***argv, const char *word) {
        _cleanup_free_ char *name = NULL;
        const char *path = guest_path(word, &name);
        int r = path ? strv_appendf(argv, "claude-vm:%s", path)
                     : strv_appendf(argv, "%s%s", word[0] == '/' || word[0] == '.' ? "" : "./", word);

        memory_need(r >= 0);
}

int verb_cp(Context *c) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r;

        if (c->options->n_words < 2)
                return fail(EXIT_USAGE, "nothing to copy; usage: claude-run cp SOURCE… DESTINATION");
        r = vm_of_copy(c, &id);
        if (r == 0)
                r = start_for_session(c, id);
        if (r != 0)
                return r;
        argv = begin_ssh(c, c->options->scp, id);
        memory_need(strv_append(&argv, "-rp") >= 0);
        if (!isatty(STDERR_FILENO))
                memory_need(strv_append(&argv, "-q") >= 0);
        memory_need(strv_append(&argv, "--") >= 0);
        for (unsigned i = 0; i < c->options->n_words; i++)
                append_path(&argv, c->options->words[i]);
        return context_exec_program(argv);
}
