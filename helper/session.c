#include "session.h"

#include <errno.h>
#include <fcntl.h>
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
        /* twice: also without a terminal here */
        r |= strv_append(&argv, s->read_only ? "-tt" : s->terminal ? "-t" : "-T");
        if (s->user) {
                /* the master's connection is user claude's */
                r |= strv_append(&argv, "-o");
                r |= strv_append(&argv, "ControlPath=none");
                r |= strv_append(&argv, "-l");
                r |= strv_append(&argv, s->user);
        }
        r |= strv_append(&argv, "claude-vm");
        /* without a program of ours in between: under emulation that would double the time of a short
         * command */
        r |= strv_append(&argv, s->program ?: s->words ? "cd /work &&" : "cd /work && exec \"$SHELL\" -l");
        r |= append_words(&argv, s->words);
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

/* What is typed goes nowhere but is not left for the shell; Ctrl-C and Ctrl-\ still end ssh. */
static void ignore_keys(const struct termios *modes) {
        struct termios quiet = *modes;

        quiet.c_lflag &= ~(tcflag_t) (ECHO | ICANON);
        quiet.c_oflag &= ~(tcflag_t) OPOST;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
}

int session_exec(const Session *s) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = session_argv(s, &argv);

        if (r < 0)
                return r;
        execv(argv[0], argv);
        return -errno;
}

/* The child's side of fork(): becomes ssh. */
static void __attribute__((noreturn)) exec_ssh(char **argv, int input) {
        /* a viewer whose claude-run is killed is nobody's: the terminal may be another program's by now */
        prctl(PR_SET_PDEATHSIG, SIGHUP);
        if (input < 0 || dup2(input, STDIN_FILENO) >= 0)
                execv(argv[0], argv);
        fprintf(stderr, "claude-run: Failed to run '%s': %s\n", argv[0], strerror(errno));
        _exit(255);
}

int session_run(const Session *s) {
        _cleanup_strv_free_ char **argv = NULL;
        struct termios modes;
        bool have_modes = s->terminal && tcgetattr(STDIN_FILENO, &modes) == 0;
        /* a standard input that never says anything and never ends */
        int silence[2] = { -EBADF, -EBADF };
        int r, status;
        pid_t pid;

        r = session_argv(s, &argv);
        if (r < 0)
                return r;
        if (s->read_only && pipe2(silence, O_CLOEXEC) < 0)
                return -errno;
        pass_signals_on();
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                exec_ssh(argv, silence[0]);
        child = pid;
        if (s->read_only && have_modes)
                ignore_keys(&modes);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        child = 0;
        if (have_modes) {
                if (s->read_only)
                        tcflush(STDIN_FILENO, TCIFLUSH);
                restore_terminal(&modes);
        }
        if (s->read_only) {
                close(silence[0]);
                close(silence[1]);
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
