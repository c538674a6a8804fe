/* The user's command. It starts units and shows terminals; everything that lasts is
 * systemd's or the guest's, so it may be killed at any moment. */

#include "claude-run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-json.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "generator-list.h"
#include "manager.h"
#include "parameters.h"
#include "session.h"
#include "strv.h"
#include "vm-name.h"

#define SEC 1000000ULL
#define START_LIMIT (200 * SEC) /* the unit's own is 180 s */
#define STOP_LIMIT (60 * SEC)   /* the unit's own is 45 s */
#define END_LIMIT (30 * SEC)    /* from the agent's end to the VM's */

#define PROGRAM_ATTACH "/usr/lib/claude-vm/attach"
#define PROGRAM_AGENT "/usr/lib/claude-vm/agent-exec"
#define PROGRAM_SESSION "/usr/lib/claude-vm/session"

enum { EXIT_USAGE = 2, ATTACH_NO_TERMINAL = 69, EXIT_LOST = 255 };

/* What a verb works with. */
typedef struct Context {
        const RunOptions *options;
        const char *runtime_dir;
        ProjectEntries projects;
        Manager *manager; /* NULL until it is needed */
} Context;

DEFINE_CLEANUP(sd_json_variant *, sd_json_variant_unref, json_cleanup)

static volatile bool interrupted;

static void on_interrupt(int sig) {
        interrupted = true;
}

static int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int status, const char *format, ...) {
        va_list ap;

        fputs("claude-run: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        return status;
}

/* --- which VM -------------------------------------------------------------------------- */

static int no_project_here(const char *directory) {
        return fail(EXIT_CONFIGURATION,
                        "no project has the directory '%s'. Write one and try again:\n\n"
                        "  mkdir -p ~/.config/claude-microvm\n"
                        "  printf '[Project]\\nWorkDirectory=%s\\n' > ~/.config/claude-microvm/NAME.ini",
                        directory, directory);
}

/* The project of this directory. 0 or an exit status. */
static int project_here(Context *c, char **ret) {
        _cleanup_free_ char *directory = realpath(".", NULL);
        const ProjectEntry *p;
        size_t n;

        if (!directory)
                return fail(EXIT_FAILURE, "Failed to find the working directory: %s", strerror(errno));
        p = project_entries_here(&c->projects, directory, &n);
        if (!p)
                return no_project_here(directory);
        if (n > 1) {
                fail(EXIT_CONFIGURATION, "%zu projects have the directory '%s'; name one of them:", n,
                                p->work_directory);
                for (size_t i = 0; i < c->projects.n; i++)
                        if (strcmp(c->projects.items[i].work_directory, p->work_directory) == 0)
                                fprintf(stderr, "  claude-run attach %s\n", c->projects.items[i].name);
                return EXIT_CONFIGURATION;
        }
        if (strcmp(directory, p->work_directory) != 0)
                fprintf(stderr, "claude-run: project '%s' (%s)\n", p->name, p->work_directory);
        *ret = strdup(p->name);
        return *ret ? 0 : fail(EXIT_FAILURE, "No memory");
}

/* The instance that a word means: a project by name or UUID, or any other VM by its id. */
static int resolve(Context *c, const char *word, char **ret) {
        const ProjectEntry *p = project_entries_find(&c->projects, word);

        if (!p && !vm_name_is_id(word))
                return fail(EXIT_USAGE,
                                "'%s' is no name of a VM: letters, digits, '_', '.' and '-', or a UUID",
                                word);
        *ret = strdup(p ? p->name : word);
        return *ret ? 0 : fail(EXIT_FAILURE, "No memory");
}

static int only_vm(Context *c, char **ret) {
        if (c->options->n_words > 1)
                return fail(EXIT_USAGE, "one VM at a time: '%s' is one too many", c->options->words[1]);
        return c->options->n_words == 1 ? resolve(c, c->options->words[0], ret) : project_here(c, ret);
}

static char *unit_of(const char *id) {
        char *unit;

        return asprintf(&unit, "claude-vm@%s.service", id) < 0 ? NULL : unit;
}

static int connect_manager(Context *c) {
        int r = c->manager ? 0 : manager_connect(&c->manager);

        return r < 0 ? fail(EXIT_FAILURE,
                                       "Failed to reach your service manager: %s. Is this a login session? "
                                       "See: "
                                       "systemctl --user status",
                                       strerror(-r))
                     : 0;
}

/* --- start, with something to look at -------------------------------------------------- */

/* One line that the next one covers; nothing without a terminal. */
static void show_progress(void *userdata, const char *status_text, uint64_t elapsed_usec) {
        const char *id = userdata;

        if (isatty(STDERR_FILENO))
                fprintf(stderr, "\r\033[K%s: %s … %llu s", id, status_text[0] ? status_text : "waiting",
                                (unsigned long long) (elapsed_usec / SEC));
}

static void end_progress(void) {
        if (isatty(STDERR_FILENO))
                fputs("\r\033[K", stderr);
}

/* Why a unit is not up, in the words of the unit. */
static int explain_failure(
                Context *c, const char *id, const char *unit, const char *verb, const char *result) {
        UnitState state = {};
        int status = EXIT_FAILURE;

        if (manager_state(c->manager, unit, &state) >= 0) {
                if (strcmp(result, "assert") == 0)
                        fail(0,
                                        "Failed to %s '%s': a directory that it needs is missing; see: "
                                        "systemctl --user status %s",
                                        verb, id, unit);
                else if (state.status_text && state.status_text[0])
                        fail(0, "Failed to %s '%s': %s", verb, id, state.status_text);
                else
                        fail(0, "Failed to %s '%s': %s; see: systemctl --user status %s", verb, id, result,
                                        unit);
                if (state.exec_main_status > 0 && strcmp(result, "assert") != 0)
                        status = state.exec_main_status;
        } else
                fail(0, "Failed to %s '%s': %s", verb, id, result);
        unit_state_done(&state);
        return status;
}

static int run_job(Context *c, const char *method, const char *verb, const char *id, uint64_t limit) {
        _cleanup_free_ char *unit = unit_of(id);
        const char *result = "";
        int r;

        if (!unit)
                return fail(EXIT_FAILURE, "No memory");
        r = manager_job(c->manager, method, unit, limit, &interrupted, show_progress, (void *) id, &result);
        end_progress();
        if (r >= 0)
                return 0;
        if (r == -EINTR) {
                /* what this call has begun, and nothing else */
                interrupted = false;
                if (strcmp(method, "StopUnit") != 0)
                        (void) manager_job(
                                        c->manager, "StopUnit", unit, STOP_LIMIT, NULL, NULL, NULL, &result);
                return 128 + SIGINT;
        }
        if (r == -ETIMEDOUT && !result[0])
                return fail(EXIT_FAILURE,
                                "'%s' is not done after %llu s; it goes on: systemctl --user status %s",
                                verb, (unsigned long long) (limit / SEC), unit);
        if (!result[0])
                return fail(EXIT_FAILURE, "Failed to %s '%s': %s", verb, id, strerror(-r));
        return explain_failure(c, id, unit, verb, result);
}

/* An ini that is newer than what the manager knows is read first: who edits one expects that. */
static int refresh(Context *c, const char *unit, UnitState *state) {
        int r;

        if ((state->configured && !state->need_daemon_reload) || strcmp(state->active_state, "active") == 0)
                return 0;
        r = manager_reload(c->manager);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to reload your service manager: %s", strerror(-r)) : 0;
}

/* Starts the VM if it does not run. */
static int ensure_started(Context *c, const char *id, bool *ret_started) {
        _cleanup_free_ char *unit = unit_of(id);
        UnitState state = {};
        bool active;
        int r;

        if (!unit)
                return fail(EXIT_FAILURE, "No memory");
        r = connect_manager(c);
        if (r != 0)
                return r;
        r = manager_state(c->manager, unit, &state);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to look at '%s': %s", unit, strerror(-r));
        active = strcmp(state.active_state, "active") == 0;
        r = refresh(c, unit, &state);
        unit_state_done(&state);
        if (ret_started)
                *ret_started = !active;
        return r != 0 || active ? r : run_job(c, "StartUnit", "start", id, START_LIMIT);
}

/* --- the agent's terminal -------------------------------------------------------------- */

/* The unit's result as an exit status; what was not the agent's doing is said. */
static int result_of(const char *id, const UnitState *state) {
        int status = strcmp(state->result, "success") == 0        ? 0
                        : strcmp(state->result, "exit-code") == 0 ? state->exec_main_status
                                                                  : EXIT_LOST;

        if (status != 0 && strncmp(state->status_text, "The agent exited", strlen("The agent exited")) != 0)
                fail(0, "VM '%s': %s", id, state->status_text[0] ? state->status_text : state->result);
        return status;
}

/* The viewer is gone and nobody detached it: has the VM ended? */
static int after_agent(Context *c, const char *id) {
        _cleanup_free_ char *unit = unit_of(id);
        UnitState state = {};
        int r, status;

        if (!unit)
                return fail(EXIT_FAILURE, "No memory");
        r = manager_wait_inactive(c->manager, unit, END_LIMIT);
        if (r == -ETIMEDOUT)
                return fail(EXIT_LOST,
                                "lost the connection to '%s'; the agent goes on. Again with: claude-run "
                                "attach %s",
                                id, id);
        if (r >= 0)
                r = manager_state(c->manager, unit, &state);
        if (r < 0)
                return fail(EXIT_LOST, "Failed to look at '%s': %s", unit, strerror(-r));
        status = result_of(id, &state);
        unit_state_done(&state);
        return status;
}

static Session session_of(
                Context *c, const char *id, const char *program, char *const *words, bool terminal) {
        return (Session) {
                .ssh = c->options->ssh,
                .runtime_dir = c->runtime_dir,
                .id = id,
                .user = c->options->user,
                .terminal = terminal,
                .program = program,
                .words = words,
        };
}

static int attach(Context *c, const char *id) {
        Session session = session_of(c, id, PROGRAM_ATTACH, NULL, true);
        int r;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return fail(EXIT_USAGE,
                                "the agent's terminal needs one here; without: claude-run -- -p "
                                "\"question\"");
        r = session_run(&session);
        if (r < 0)
                return fail(EXIT_LOST, "Failed to run '%s': %s", session.ssh, strerror(-r));
        if (r == 0) {
                fprintf(stderr, "Detached; the agent goes on. Again with: claude-run attach %s\n", id);
                return 0;
        }
        if (r == ATTACH_NO_TERMINAL)
                return fail(ATTACH_NO_TERMINAL,
                                "the agent of '%s' has no terminal (it runs with -p, or has ended); see: "
                                "claude-run logs %s",
                                id, id);
        return after_agent(c, id);
}

static int verb_attach(Context *c) {
        _cleanup_free_ char *id = NULL;
        int r = only_vm(c, &id);

        if (r == 0)
                r = ensure_started(c, id, NULL);
        return r != 0 ? r : attach(c, id);
}

/* --- the agent with arguments: once, on our pipes or terminal -------------------------- */

static int run_agent(Context *c, const char *id) {
        bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), started = false;
        Session session = session_of(c, id, PROGRAM_AGENT, c->options->arguments, terminal);
        int r, status;

        for (char *const *a = c->options->arguments; *a; a++)
                if (strcmp(*a, "-p") == 0 || strcmp(*a, "--print") == 0)
                        session.terminal = false;
        r = ensure_started(c, id, &started);
        if (r != 0)
                return r;
        status = session_run(&session);
        if (status < 0)
                status = fail(EXIT_LOST, "Failed to run '%s': %s", session.ssh, strerror(-status));
        if (started)
                (void) run_job(c, "StopUnit", "stop", id, STOP_LIMIT);
        return status;
}

static int verb_run(Context *c) {
        _cleanup_free_ char *id = NULL;
        int r = only_vm(c, &id);

        if (r != 0)
                return r;
        if (c->options->arguments)
                return run_agent(c, id);
        r = ensure_started(c, id, NULL);
        return r != 0 ? r : attach(c, id);
}

/* --- other sessions -------------------------------------------------------------------- */

static int session_verb(Context *c, const char *program, char *const *words, bool terminal) {
        _cleanup_free_ char *id = NULL;
        Session session;
        int r = only_vm(c, &id);

        if (r == 0)
                r = ensure_started(c, id, NULL);
        if (r != 0)
                return r;
        session = session_of(c, id, program, words, terminal);
        r = session_run(&session);
        return r < 0 ? fail(EXIT_LOST, "Failed to run '%s': %s", session.ssh, strerror(-r)) : r;
}

static int verb_exec(Context *c) {
        if (!c->options->arguments || !c->options->arguments[0])
                return fail(EXIT_USAGE, "what is to be run? claude-run exec [NAME] -- COMMAND…");
        return session_verb(c, PROGRAM_SESSION, c->options->arguments, c->options->terminal);
}

static int verb_shell(Context *c) {
        return session_verb(c, PROGRAM_SESSION, NULL, isatty(STDIN_FILENO));
}

/* --- life cycle ------------------------------------------------------------------------ */

static int for_each_vm(Context *c, int (*run)(Context *c, const char *id)) {
        int result = 0;

        if (c->options->n_words == 0) {
                _cleanup_free_ char *id = NULL;
                int r = project_here(c, &id);

                return r != 0 ? r : run(c, id);
        }
        for (unsigned i = 0; i < c->options->n_words; i++) {
                _cleanup_free_ char *id = NULL;
                int r = resolve(c, c->options->words[i], &id);

                if (r == 0)
                        r = run(c, id);
                if (r != 0)
                        result = r;
        }
        return result;
}

static int start_one(Context *c, const char *id) {
        return ensure_started(c, id, NULL);
}

static int verb_start(Context *c) {
        return for_each_vm(c, start_one);
}

static int stop_one(Context *c, const char *id) {
        int r = connect_manager(c);

        return r != 0 ? r : run_job(c, "StopUnit", "stop", id, STOP_LIMIT);
}

static int verb_stop(Context *c) {
        return for_each_vm(c, stop_one);
}

static int restart_one(Context *c, const char *id) {
        int r = stop_one(c, id);

        return r != 0 ? r : start_one(c, id);
}

static int verb_restart(Context *c) {
        return for_each_vm(c, restart_one);
}

/* --- what there is --------------------------------------------------------------------- */

typedef struct Row {
        const char *name, *uuid, *directory;
        UnitState state;
} Row;

static void print_uptime(const UnitState *state) {
        struct timespec now;
        uint64_t seconds;

        if (strcmp(state->active_state ?: "", "active") != 0) {
                printf("%-9s", "-");
                return;
        }
        clock_gettime(CLOCK_REALTIME, &now);
        seconds = (uint64_t) now.tv_sec - state->active_enter_usec / SEC;
        if (seconds < 3600)
                printf("%2llum %2llus  ", (unsigned long long) (seconds / 60),
                                (unsigned long long) (seconds % 60));
        else
                printf("%2lluh %2llum  ", (unsigned long long) (seconds / 3600),
                                (unsigned long long) (seconds / 60 % 60));
}

static int add_json(sd_json_variant **array, const Row *row) {
        return sd_json_variant_append_arraybo(array, SD_JSON_BUILD_PAIR_STRING("name", row->name),
                        SD_JSON_BUILD_PAIR_STRING("uuid", row->uuid),
                        SD_JSON_BUILD_PAIR_STRING("state", row->state.active_state ?: "inactive"),
                        SD_JSON_BUILD_PAIR_STRING("status", row->state.status_text ?: ""),
                        SD_JSON_BUILD_PAIR_UNSIGNED("activeSinceUSec", row->state.active_enter_usec),
                        SD_JSON_BUILD_PAIR_STRING("directory", row->directory));
}

static int print_row(Context *c, Row *row, sd_json_variant **array) {
        if (c->options->json)
                return add_json(array, row);
        printf("%-20s %-10s ", row->name, row->state.active_state ?: "inactive");
        print_uptime(&row->state);
        printf("%s %s\n", row->uuid, row->directory);
        return 0;
}

static bool is_listed(char *const *units, const char *id) {
        _cleanup_free_ char *unit = unit_of(id);

        for (; unit && units && *units; units++)
                if (strcmp(*units, unit) == 0)
                        return true;
        return false;
}

/* An id from the name of a unit of ours, NULL for a project or a project's UUID. */
static char *other_vm(const Context *c, const char *unit) {
        const char *at = strchr(unit, '@'), *end = strstr(unit, ".service");
        char *id = at && end && end > at ? strndup(at + 1, (size_t) (end - at - 1)) : NULL;

        if (id && (!vm_name_is_id(id) || project_entries_find(&c->projects, id))) {
                free(id);
                return NULL;
        }
        return id;
}

static int list_one(Context *c, Row *row, bool loaded, sd_json_variant **array) {
        _cleanup_free_ char *unit = unit_of(row->name);
        int r = unit ? 0 : -ENOMEM;

        if (r >= 0 && loaded)
                r = manager_state(c->manager, unit, &row->state);
        if (r >= 0)
                r = print_row(c, row, array);
        unit_state_done(&row->state);
        return r;
}

static int list_all(Context *c, char *const *units, sd_json_variant **array) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < c->projects.n; i++) {
                const ProjectEntry *p = &c->projects.items[i];
                Row row = { .name = p->name, .uuid = p->uuid, .directory = p->work_directory };

                r = list_one(c, &row, is_listed(units, p->name), array);
        }
        for (; r >= 0 && units && *units; units++) {
                _cleanup_free_ char *id = other_vm(c, *units);
                Row row = { .name = id, .uuid = id && vm_name_is_uuid(id) ? id : "-", .directory = "-" };

                if (id)
                        r = list_one(c, &row, true, array);
        }
        return r;
}

static int verb_list(Context *c) {
        _cleanup_(json_cleanup) sd_json_variant *array = NULL;
        _cleanup_strv_free_ char **units = NULL;
        int r = connect_manager(c);

        if (r != 0)
                return r;
        r = manager_list(c->manager, "claude-vm@*.service", &units);
        if (r >= 0 && c->options->json)
                r = sd_json_variant_new_array(&array, NULL, 0);
        else if (r >= 0)
                printf("%-20s %-10s %-9s%-36s %s\n", "NAME", "STATE", "UPTIME", "UUID", "DIRECTORY");
        if (r >= 0)
                r = list_all(c, units, &array);
        if (r >= 0 && c->options->json)
                r = sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to list VMs: %s", strerror(-r)) : 0;
}

/* systemctl and journalctl know all that there is to say. */
static int exec_program(char **argv) {
        execvp(argv[0], argv);
        return fail(EXIT_FAILURE, "Failed to run '%s': %s", argv[0], strerror(errno));
}

static int verb_status(Context *c) {
        _cleanup_free_ char *id = NULL, *unit = NULL;
        int r = only_vm(c, &id);

        if (r != 0)
                return r;
        unit = unit_of(id);
        return exec_program((char *[]) {
                        (char *) "systemctl", (char *) "--user", (char *) "status", unit, NULL });
}

/* The VM, its shares and its ssh master, in order. */
static int verb_logs(Context *c) {
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *id = NULL;
        int r = only_vm(c, &id);

        if (r != 0)
                return r;
        r = strv_append(&argv, "journalctl");
        r |= strv_append(&argv, "--user");
        r |= strv_appendf(&argv, "--unit=claude-vm@%s.service", id);
        r |= strv_appendf(&argv, "--unit=claude-vm-ssh@%s.service", id);
        r |= strv_appendf(&argv, "--unit=claude-vm-virtiofsd@%s:*.service", id);
        if (c->options->follow)
                r |= strv_append(&argv, "--follow");
        if (c->options->since)
                r |= strv_appendf(&argv, "--since=%s", c->options->since);
        return r < 0 ? fail(EXIT_FAILURE, "No memory") : exec_program(argv);
}

/* --- the command line ------------------------------------------------------------------ */

typedef struct Verb {
        const char *name, *arguments, *help;
        int (*run)(Context *c);
} Verb;

static const Verb verbs[] = {
        { "run", "[NAME] [-- AGENT-ARGUMENTS…]", "start the VM if need be and attach (also without a verb)",
                        verb_run },
        { "attach", "[NAME]", "show the agent's terminal; Ctrl-\\ detaches", verb_attach },
        { "start", "[NAME…]", "start VMs and wait until they are ready", verb_start },
        { "stop", "[NAME…]", "stop VMs", verb_stop },
        { "restart", "[NAME…]", "stop, then start", verb_restart },
        { "exec", "[NAME] -- COMMAND…", "run a command in the VM", verb_exec },
        { "shell", "[NAME]", "a shell in the VM", verb_shell },
        { "list", "", "projects and VMs", verb_list },
        { "status", "[NAME]", "what systemd says of a VM", verb_status },
        { "logs", "[NAME]", "the journal of a VM, host and guest", verb_logs },
};

typedef struct Option {
        char letter; /* 0: none */
        const char *name, *value, *help;
        size_t offset; /* of a bool, or of a string if there is a value */
} Option;

#define MEMBER(name) offsetof(RunOptions, name)

static const Option options[] = {
        { 0, "json", NULL, "list: for programs", MEMBER(json) },
        { 't', "tty", NULL, "exec: with a terminal", MEMBER(terminal) },
        { 'u', "user", "USER", "exec, shell: as root instead of claude", MEMBER(user) },
        { 'f', "follow", NULL, "logs: go on as lines come", MEMBER(follow) },
        { 0, "since", "TIME", "logs: from this time on", MEMBER(since) },
        { 'h', "help", NULL, "this text", MEMBER(help) },
        { 0, "version", NULL, "the version", MEMBER(version) },
};

const char *claude_run_verb(unsigned i) {
        return i < ELEMENTSOF(verbs) ? verbs[i].name : NULL;
}

const char *claude_run_option(unsigned i) {
        return i < ELEMENTSOF(options) ? options[i].name : NULL;
}

static int print_help(void) {
        puts("claude-run [VERB] [NAME] [OPTIONS] [-- ARGUMENTS…]\n\n"
             "Claude Code in a microVM, run by systemd. NAME is a project or a UUID; without it\n"
             "the project of this directory is meant.\n\nVerbs:");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char form[64];

                snprintf(form, sizeof(form), "%s %s", verbs[i].name, verbs[i].arguments);
                printf("  %-32s %s\n", form, verbs[i].help);
        }
        puts("\nOptions:");
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];
                char form[64];

                snprintf(form, sizeof(form), "%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ?: ' ',
                                o->name, o->value ? " " : "", o->value ?: "");
                printf("  %-32s %s\n", form, o->help);
        }
        puts("\nSee claude-run(1) and claude-vm.ini(5).");
        return 0;
}

/* The option that `word` names; its value, if it has one in the same word, in `ret_value`. */
static const Option *find_option(const char *word, const char **ret_value) {
        size_t n = strcspn(word, "=");

        *ret_value = word[n] == '=' ? word + n + 1 : NULL;
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];

                if (word[1] == '-' ? strlen(o->name) == n - 2 && strncmp(word + 2, o->name, n - 2) == 0
                                   : o->letter == word[1] && !word[2])
                        return o;
        }
        return NULL;
}

/* 0, or an exit status. `argv` moves on by what was taken. */
static int parse_option(RunOptions *o, char ***argv) {
        const char *value;
        const Option *option = find_option(**argv, &value);

        if (!option)
                return fail(EXIT_USAGE, "unknown option '%s'; see: claude-run --help", **argv);
        if (!option->value) {
                if (value)
                        return fail(EXIT_USAGE, "--%s takes no value", option->name);
                *(bool *) ((char *) o + option->offset) = true;
                return 0;
        }
        if (!value)
                value = *++*argv;
        if (!value)
                return fail(EXIT_USAGE, "--%s needs a value: %s", option->name, option->value);
        *(const char **) (void *) ((char *) o + option->offset) = value;
        return 0;
}

static int parse_command_line(RunOptions *o, char **argv) {
        for (; *argv; argv++) {
                int r;

                if (strcmp(*argv, "--") == 0) {
                        o->arguments = argv + 1;
                        return 0;
                }
                if ((*argv)[0] == '-' && (*argv)[1]) {
                        r = parse_option(o, &argv);
                        if (r != 0)
                                return r;
                } else if (strv_append(&o->words, *argv) < 0)
                        return fail(EXIT_FAILURE, "No memory");
        }
        return 0;
}

/* The verb is the first word if it is one; a project may not have the name of a verb without `run` before
 * it. */
static const Verb *take_verb(RunOptions *o) {
        o->n_words = (unsigned) strv_length(o->words);
        for (size_t i = 0; o->n_words > 0 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(o->words[0], verbs[i].name) == 0) {
                        free(o->words[0]);
                        memmove(o->words, o->words + 1, o->n_words * sizeof(char *));
                        o->n_words--;
                        return &verbs[i];
                }
        return &verbs[0];
}

static int run_verb(const Verb *verb, const RunOptions *o) {
        struct sigaction action = { .sa_handler = on_interrupt };
        Context c = { .options = o, .runtime_dir = getenv("XDG_RUNTIME_DIR") };
        int r;

        if (!c.runtime_dir)
                return fail(EXIT_FAILURE,
                                "XDG_RUNTIME_DIR is not set: this is no login session of systemd's");
        r = generator_list_read(o->generator, &c.projects);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to run '%s': %s", o->generator, strerror(-r));
        /* without SA_RESTART: Ctrl-C ends a wait */
        sigaction(SIGINT, &action, NULL);
        r = verb->run(&c);
        manager_free(c.manager);
        project_entries_done(&c.projects);
        return r;
}

int claude_run(RunOptions *o, int argc, char **argv) {
        const Verb *verb;
        int r = parse_command_line(o, argv + (argc > 0));

        if (r == 0) {
                verb = take_verb(o);
                if (o->help)
                        r = print_help();
                else if (o->version)
                        r = puts("claude-run " PROJECT_VERSION) < 0;
                else
                        r = run_verb(verb, o);
        }
        o->words = strv_free(o->words);
        return r;
}
