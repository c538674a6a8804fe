/* Nothing of this machine goes there but the words, the working directory and, by ssh's own configuration,
 * TERM and the locale: projects, images and keys are those of the other one. */

#include "helper/claude-run/other-host.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/port-forward.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/options.h"
#include "helper/claude-run/session.h"

#define OPTION "--host"
#define FAR_VARIABLE "CLAUDE_RUN_OVER_SSH"

/* A login by key reads no profile, where ~/.local/bin often comes from. In `sh`, whatever the user's shell
 * is. */
#define FAR_SCRIPT "'PATH=\"$PATH:$HOME/.local/bin\" " FAR_VARIABLE "=1 exec claude-run \"$@\"'"

bool other_host_is_meant(char *const *argv) {
        return argv[0] && argv[1] && strncmp(argv[1], OPTION, strlen(OPTION)) == 0 &&
                        (argv[1][strlen(OPTION)] == '\0' || argv[1][strlen(OPTION)] == '=');
}

static bool is_option(const char *word, const char *name) {
        return strncmp(word, name, strlen(name)) == 0;
}

/* The value of --publish in this word, or in the next; NULL: it is another word. */
static const char *published(char *const *word) {
        if (strcmp(*word, "-p") == 0 || strcmp(*word, "--publish") == 0)
                return word[1];
        if (is_option(*word, "--publish="))
                return *word + strlen("--publish=");
        return is_option(*word, "-p") ? *word + strlen("-p") : NULL;
}

/* The port of the other machine, also at this one. The claude-run there judges the word. */
static void append_forward(char ***argv, const char *text) {
        char host[PORT_FORWARD_TEXT_MAX];
        PortForward forward;

        if (port_forward_parse(text, &forward) < 0)
                return;
        port_forward_print_host(&forward, host);
        memory_need(strv_extend(argv, "-o", "ExitOnForwardFailure=yes", "-L", NULL) >= 0 &&
                        strv_appendf(argv, "%s:127.0.0.1:%u", host, forward.host_port) >= 0);
}

static void append_forwards(char ***argv, char *const *words) {
        for (; *words && strcmp(*words, "--") != 0 && strcmp(*words, "exec") != 0; words++) {
                const char *text = published(words);

                if (text)
                        append_forward(argv, text);
        }
}

static void append_quoted(char ***argv, const char *word) {
        _cleanup_free_ char *quoted = session_quote(word);

        memory_need(strv_append(argv, quoted) >= 0);
}

/* The words of a command that exec runs are not looked at. */
static bool names_directory(char *const *words) {
        const char *verb = NULL;
        unsigned n = 0;

        for (; *words && strcmp(*words, "--") != 0; words++) {
                if (is_option(*words, "-C") || is_option(*words, "--directory"))
                        return true;
                if ((*words)[0] == '-') {
                        words += options_takes_next(*words) && words[1];
                        continue;
                }
                verb = verb ?: *words;
                if (++n > 2 && strcmp(verb, "exec") == 0)
                        return false;
        }
        return false;
}

char **other_host_argv(const char *ssh, char *const *argv, bool terminal) {
        const char *equals = strchr(argv[1], '='), *host = equals ? equals + 1 : argv[2];
        char *const *words = argv + (equals ? 2 : 3);
        _cleanup_free_ char *here = names_directory(host ? words : argv) ? NULL : get_current_dir_name();
        char **result = NULL;

        /* ssh would take it for an option of its own */
        if (!host || !host[0] || host[0] == '-') {
                fail(0, "--host needs a machine, as ssh calls it: claude-run --host HOST …");
                return NULL;
        }
        memory_need(strv_extend(&result, ssh, terminal ? "-t" : "-T", NULL) >= 0);
        append_forwards(&result, words);
        memory_need(strv_extend(&result, "--", host, "sh -c " FAR_SCRIPT " claude-run", NULL) >= 0);
        /* the same path there, as with a home that both have */
        if (here) {
                memory_need(strv_append(&result, "-C") >= 0);
                append_quoted(&result, here);
        }
        for (; *words; words++)
                append_quoted(&result, *words);
        return result;
}

int other_host_run(const char *ssh, char *const *argv) {
        bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        _cleanup_strv_free_ char **words = other_host_argv(ssh, argv, terminal);
        int r;

        if (!words)
                return EXIT_USAGE;
        r = session_run_program(words, terminal, false);
        return r < 0 ? session_not_run(ssh, r) : r;
}

/* sshd closes its ends of our pipes, which poll() sees without any event to wait for. */
static void __attribute__((noreturn)) watch(pid_t parent) {
        struct pollfd end = { .fd = STDOUT_FILENO };

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        while (getppid() == parent)
                if (poll(&end, 1, -1) > 0) {
                        kill(parent, SIGHUP);
                        break;
                }
        _exit(0);
}

void other_host_watch_end(void) {
        pid_t parent = getpid();

        if (!getenv(FAR_VARIABLE))
                return;
        unsetenv(FAR_VARIABLE);
        /* a terminal hangs up by itself */
        if (!isatty(STDOUT_FILENO) && fork() == 0)
                watch(parent);
}
