#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "strv.h"

char *session_quote(const char *word) {
        char *quoted = malloc(4 * strlen(word) + 3), *out = quoted;

        if (!quoted)
                return NULL;
        *out++ = '\'';
        for (; *word; word++) {
                if (*word == '\'') {
                        memcpy(out, "'\\'", 3);
                        out += 3;
                }
                *out++ = *word;
        }
        *out++ = '\'';
        *out = '\0';
        return quoted;
}

/* ssh joins words with blanks and the guest's shell splits them again, so each is quoted. */
static int append_words(char ***argv, char *const *words) {
        for (; words && *words; words++) {
                _cleanup_free_ char *quoted = session_quote(*words);

                if (!quoted || strv_append(argv, quoted) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int session_argv(const Session *s, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = 0;

        r |= strv_append(&argv, s->ssh);
        r |= strv_append(&argv, "-F");
        r |= strv_appendf(&argv, "%s/claude-vm/%s/ssh.config", s->runtime_dir, s->id);
        r |= strv_append(&argv, s->terminal ? "-t" : "-T");
        if (s->user) {
                /* the master's connection is user claude's */
                r |= strv_append(&argv, "-o");
                r |= strv_append(&argv, "ControlPath=none");
                r |= strv_append(&argv, "-l");
                r |= strv_append(&argv, s->user);
        }
        r |= strv_append(&argv, "claude-vm");
        if (s->program) {
                r |= strv_append(&argv, s->program);
                r |= append_words(&argv, s->words);
        }
        if (r < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(argv);
        return 0;
}

/* The terminal as it was, whatever became of ssh: modes, main screen (1047 leaves the cursor alone), hidden
 * cursor, mouse and paste modes. */
static void restore_terminal(const struct termios *modes) {
        static const char reset[] = "\033[?1047l\033[?25h\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?"
                                    "2004l\033[?1004l"
                                    "\033[<u\033[>4m\033[0m";

        tcsetattr(STDIN_FILENO, TCSADRAIN, modes);
        if (isatty(STDOUT_FILENO))
                (void) !write(STDOUT_FILENO, reset, strlen(reset));
}

static volatile sig_atomic_t child;

static void pass_on(int sig) {
        if (child > 0)
                kill(child, sig);
}

/* ssh ends on these and the VM goes on; we are still there to tidy up. */
static void pass_signals_on(void) {
        static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };
        struct sigaction action = { .sa_handler = pass_on, .sa_flags = SA_RESTART };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaction(signals[i], &action, NULL);
}

int session_run(const Session *s) {
        _cleanup_strv_free_ char **argv = NULL;
        struct termios modes;
        bool have_modes = s->terminal && tcgetattr(STDIN_FILENO, &modes) == 0;
        int r, status;
        pid_t pid;

        r = session_argv(s, &argv);
        if (r < 0)
                return r;
        pass_signals_on();
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                /* a viewer whose claude-run is killed is nobody's: the terminal may be another program's by
                 * now */
                prctl(PR_SET_PDEATHSIG, SIGHUP);
                execv(argv[0], argv);
                fprintf(stderr, "claude-run: Failed to run '%s': %s\n", argv[0], strerror(errno));
                _exit(255);
        }
        child = pid;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        child = 0;
        if (have_modes)
                restore_terminal(&modes);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
