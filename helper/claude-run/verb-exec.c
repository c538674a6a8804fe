/* Ways into a VM beside its agent: commands and shells. All of them are ssh, as a child of ours: it cannot
 * say why the VM has ended. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session-end.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/start.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

static int run(Context *c, const Session *s) {
        int r = session_run(s);

        return r < 0 ? session_not_run(s->ssh, r) : session_end_explain(c, s->id, r, NULL);
}

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
        return run(c, &session);
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
        return run(c, &session);
}

/* Letters of ssh's options that take a value. */
#define SSH_VALUES "BbcDEeFIiJLlmOoPpQRSWw"

/* True if one of ssh's own options, in front of a command, asks for the agent. */
static bool forwards_agent(char *const *arguments) {
        for (; arguments && *arguments && (*arguments)[0] == '-' && strcmp(*arguments, "--") != 0;
                        arguments++)
                for (const char *letter = *arguments + 1; *letter; letter++) {
                        if (*letter == 'A')
                                return true;
                        if (!strchr(SSH_VALUES, *letter))
                                continue;
                        /* the value is the rest of the word, or the next one */
                        if (!letter[1] && arguments[1])
                                arguments++;
                        break;
                }
        return false;
}

/* The master's connection has no agent, and ssh is told to forget it: a guest gets it only when asked for.
 */
static int add_agent(char ***argv) {
        if (!getenv("SSH_AUTH_SOCK"))
                return fail(EXIT_FAILURE, "no ssh agent to forward: SSH_AUTH_SOCK is not set");
        memory_need(strv_extend(argv, "-o", "ControlPath=none", "-o", "IdentityAgent=SSH_AUTH_SOCK", NULL) >=
                        0);
        return 0;
}

int verb_ssh(Context *c) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r = start_vm_for_session(c, &id);

        if (r != 0)
                return r;
        argv = session_begin_ssh(c, c->options->ssh, id);
        r = forwards_agent(c->options->arguments) ? add_agent(&argv) : 0;
        if (r != 0)
                return r;
        memory_need(strv_append(&argv, "claude-vm") >= 0);
        for (char *const *a = c->options->arguments; a && *a; a++)
                memory_need(strv_append(&argv, *a) >= 0);
        r = session_run_program(argv, isatty(STDIN_FILENO), false);
        return r < 0 ? session_not_run(argv[0], r) : r;
}
