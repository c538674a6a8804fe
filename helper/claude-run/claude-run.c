/* The user's command. It starts units and shows terminals; everything that lasts is
 * systemd's or the guest's, so it may be killed at any moment. */

#include "helper/claude-run/claude-run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/similar.h"
#include "common/strv.h"
#include "config.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/options.h"
#include "helper/claude-run/other-host.h"
#include "helper/claude-run/take-signal.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"

static void on_interrupt(int sig) {
        context_interrupted = true;
}

/* Without SA_RESTART: Ctrl-C ends a wait. A second one ends claude-run. */
static void take_interrupt(void) {
        take_signal(SIGINT, &(struct sigaction) { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND });
}

typedef struct Verb {
        const char *name, *arguments, *help;
        int (*run)(Context *c);
        bool is_killable; /* Ctrl-C ends it at once: it waits for nothing that would have to be told */
} Verb;

static const Verb verbs[] = {
        { "run", "[NAME] [-- AGENT-ARGUMENTS…]", "start a VM if need be and attach (also without a verb)",
                        verb_run },
        { "attach", "[NAME]", "show the agent's terminal; Ctrl-\\ detaches", verb_attach },
        { "start", "[NAME…]", "start VMs and wait until they are ready", verb_start },
        { "stop", "[NAME…]", "stop VMs", verb_stop },
        { "restart", "[NAME…]", "stop, then start", verb_restart },
        { "suspend", "[NAME…]", "save VMs to the disk as they run, and end them", verb_suspend },
        { "resume", "[NAME…]", "go on with suspended VMs, as start does", verb_resume },
        { "forget", "[NAME…]", "throw away what was suspended", verb_forget },
        { "exec", "NAME|-- COMMAND…", "run a command in the VM", verb_exec },
        { "shell", "[NAME]", "a shell in the VM", verb_shell },
        { "ssh", "[NAME] [-- ARGUMENTS…]", "ssh to the VM, with arguments of ssh", verb_ssh },
        { "cp", "SOURCE… DESTINATION", "copy files; NAME:PATH is in the VM", verb_cp },
        { "ports", "[NAME] [add|remove|reverse PORT…]", "forwarded ports of a running VM", verb_ports },
        { "changes", "[NAME]", "what programs of this machine obey and the VM has changed", verb_changes,
                        true },
        { "diff", "[NAME [PATH…]]", "what the agent has changed in the copy (Workspace=copy)", verb_diff,
                        true },
        { "apply", "NAME [PATH…]", "bring changes from the copy to the directory itself", verb_apply },
        { "discard", "[NAME]", "remove the copy; the next start makes a fresh one", verb_discard },
        { "network", "[NAME] [allow|deny WORD…|mode MODE]", "what a running VM may reach, and was refused",
                        verb_network },
        { "set", "[NAME] KEY=VALUE…", "limits and memory of a running VM, like cpuquota=200%", verb_set },
        { "disk", "[NAME] [show|reset|snapshot TAG|…]",
                        "the disk of a project whose VM is down: size, copies", verb_disk },
        { "config", "[show|edit|new] [NAME]", "settings of a project, and where each is from", verb_config },
        { "list", "", "projects and VMs", verb_list, true },
        { "status", "[NAME]", "what systemd says of a VM", verb_status, true },
        { "logs", "[NAME]", "the journal of a VM, host and guest", verb_logs },
        { "boot", "[NAME]", "where the time of the last start went", verb_boot, true },
        { "rename", "OLD NEW", "give a project another name", verb_rename },
        { "rm", "NAME…", "remove projects and their agents' homes", verb_rm, true },
        { "prune", "", "show what no project uses any more, and remove it", verb_prune, true },
        { "versions", "", "the agent that each VM runs, and that its image has", verb_versions, true },
        { "update", "[GUEST]", "make a guest image again if an agent is newer", verb_update },
        { "doctor", "", "check whether VMs can run here, and say what to do", verb_doctor, true },
};

const char *claude_run_verb(unsigned i) {
        return i < ELEMENTSOF(verbs) ? verbs[i].name : NULL;
}

static int print_help(void) {
        puts("claude-run [VERB] [NAME] [OPTIONS] [-- ARGUMENTS…]\n\n"
             "Claude Code in a microVM, run by systemd. NAME is a project or a UUID; without it the\n"
             "VM of this directory is meant: its project, or an ad-hoc VM with the settings below, which\n"
             "run and config new take.\n\nVerbs:");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char form[64];
                int width = 38;

                snprintf(form, sizeof(form), "%s %s", verbs[i].name, verbs[i].arguments);
                /* printf() counts bytes, and an ellipsis has three */
                for (const char *p = form; *p; p++)
                        width += ((unsigned char) *p & 0xC0) == 0x80;
                printf("  %-*s %s\n", width, form, verbs[i].help);
        }
        options_print();
        puts("\nSee claude-run(1) and claude-vm.ini(5).");
        return 0;
}

/* Takes the first word if it is a verb. A project that has the name of a verb needs `run` before
 * it. NULL: there is none, so run is meant. */
static const Verb *take_verb(RunOptions *o) {
        o->n_words = (unsigned) strv_length(o->words);
        for (size_t i = 0; o->n_words > 0 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(o->words[0], verbs[i].name) == 0) {
                        free(o->words[0]);
                        memmove(o->words, o->words + 1, o->n_words * sizeof(char *));
                        o->n_words--;
                        return &verbs[i];
                }
        return NULL;
}

/* What other programs call it. */
static const struct {
        const char *word, *meant;
} foreign_words[] = {
        { "ps", "list" },
        { "ls", "list" },
        { "up", "start" },
        { "down", "stop" },
        { "kill", "stop" },
        { "remove", "rm" },
        { "delete", "rm" },
        { "mv", "rename" },
        { "sh", "shell" },
        { "enter", "shell" },
        { "scp", "cp" },
        { "copy", "cp" },
        { "log", "logs" },
        { "edit", "config edit" },
        { "new", "config new" },
        { "init", "config new" },
        { "help", "--help" },
        { "version", "--version" },
        { "upgrade", "update" },
        { "pause", "suspend" },
        { "hibernate", "suspend" },
        { "unpause", "resume" },
};

static const char *nearest_verb(const char *word) {
        unsigned best = SIMILAR_NONE;
        const char *found = NULL;

        for (size_t i = 0; i < ELEMENTSOF(foreign_words); i++)
                if (strcmp(word, foreign_words[i].word) == 0)
                        return foreign_words[i].meant;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (similar_is_nearer(word, verbs[i].name, &best))
                        found = verbs[i].name;
        return found;
}

/* A word that is like a verb, and no VM, would become a unit that fails. */
static int check_command(Context *c) {
        const char *word = c->options->words[0], *meant = nearest_verb(word);

        if (!meant || which_vm_exists(c, word))
                return 0;
        return fail(EXIT_USAGE, "unknown command '%s', did you mean %s? See: claude-run --help", word,
                        meant);
}

/* A job of CI, or a shell by `su`, has none in its environment, but a user who lingers has it all the same.
 * The bus is found in it. NULL: there is none of this user's. */
static const char *find_runtime_dir(void) {
        const char *given = getenv("XDG_RUNTIME_DIR");
        static char path[sizeof("/run/user/") + 3 * sizeof(uid_t)];
        struct stat st;

        if (given || geteuid() == 0)
                return given;
        snprintf(path, sizeof(path), "/run/user/%u", getuid());
        if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid())
                return NULL;
        return setenv("XDG_RUNTIME_DIR", path, 1) < 0 ? NULL : path;
}

/* Variables that stand for options; an empty one is none. Those that stand for settings are not for a
 * project that `run` names: it has its own. */
static void take_environment(RunOptions *o, const Verb *verb) {
        const char *directory = getenv("WORK_DIR");

        if (!o->directory && directory && directory[0])
                o->directory = directory;
        if ((!verb || verb == &verbs[0]) && o->n_words > 0)
                unsetenv("CLAUDE_HOME");
        else if (strcmp(getenv("DIRENV_ALLOW") ?: "", "1") == 0)
                o->dev_shell = true;
}

/* What could not be written would be missed. `r`: the exit status otherwise. */
static int end_output(int r) {
        int error = fflush(stdout) != 0 ? errno : 0;

        if (error == 0 && !ferror(stdout))
                return r;
        /* as with `| head`, where SIGPIPE is ignored: nobody reads on */
        if (error != EPIPE)
                fail(0, "Failed to write to the standard output%s%s", error ? ": " : "",
                                error ? strerror(error) : "");
        return r ?: EXIT_FAILURE;
}

/* `verb`: NULL for the default. */
static int run_verb(const Verb *verb, const RunOptions *o) {
        Context c = { .options = o, .runtime_dir = find_runtime_dir() };
        int r = 0;

        if (!c.runtime_dir && !o->foreground)
                return fail(EXIT_FAILURE,
                                "XDG_RUNTIME_DIR is not set, and this is not a systemd login session; %s",
                                geteuid() == 0 ? "VMs are yours, not root's: run it without sudo"
                                               : "log in as this user, or: sudo loginctl enable-linger USER");
        if (!verb && o->n_words > 0 && !o->foreground)
                r = check_command(&c);
        verb = verb ?: &verbs[0];
        if (!verb->is_killable)
                take_interrupt();
        if (r == 0)
                r = options_check(o, verb->name);
        if (r == 0)
                r = verb->run(&c);
        context_done(&c);
        return r;
}

int claude_run(RunOptions *o, int argc, char **argv) {
        const Verb *verb;
        int r;

        if (other_host_is_meant(argv))
                return other_host_run(o->ssh, argv);
        other_host_watch_end();
        r = options_parse(o, argc, argv);
        if (r == 0 && o->host)
                r = fail(EXIT_USAGE, "--host stands first: claude-run --host %s …", o->host);
        if (r == 0) {
                verb = take_verb(o);
                take_environment(o, verb);
                if (o->help)
                        r = print_help();
                else if (o->version)
                        r = puts("claude-run " PROJECT_VERSION) < 0;
                else
                        r = run_verb(verb, o);
        }
        options_done(o);
        return end_output(r);
}
