#include "helper/claude-run/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/journal-stream.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"

char *session_quote(const char *word) {
        char *quoted = NEED(malloc(4 * strlen(word) + 3)), *out = quoted;

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

/* The work directory of a VM: what virtiofsd reads to serve it, see share_write_files(). */
typedef struct WorkShare {
        char *text;               /* owned */
        const char *guest, *host; /* its path there and here, borrowed from the text */
} WorkShare;

static void work_share_done(WorkShare *share) {
        free(share->text);
}

/* Options, what is protected, the worktree, the place in the guest and the directory of the host, a line
 * each. */
static bool read_work_share(Context *c, const char *id, WorkShare *ret) {
        _cleanup_free_ char *file = NEED(runtime_path_vm_file(c->runtime_dir, id, "share.work"));
        char *rest;

        if (whole_file_read(file, 4 * PATH_MAX, &ret->text) < 0)
                return false;
        rest = ret->text;
        for (unsigned i = 0; i < 3 && rest; i++)
                (void) strsep(&rest, "\n");
        ret->guest = rest ? strsep(&rest, "\n") : NULL;
        ret->host = rest;
        return ret->host;
}

char *session_find_below(Context *c, const char *id) {
        _cleanup_free_ char *here = realpath(c->options->directory ?: ".", NULL);
        _cleanup_(work_share_done) WorkShare work = {};
        size_t n;

        if (!here || !read_work_share(c, id, &work))
                return NULL;
        n = strlen(work.host);
        return strncmp(here, work.host, n) == 0 && here[n] == '/' ? NEED(strdup(here + n + 1)) : NULL;
}

char *session_guest_directory(Context *c, const char *id) {
        _cleanup_(work_share_done) WorkShare work = {};

        return NEED(strdup(read_work_share(c, id, &work) ? work.guest : GUEST_WORK));
}

/* The command begins at the path of the host, wherever the link leads. */
#define CD_WORK "cd -P " GUEST_WORK

/* Without a program of ours in between: under emulation that would double the time of a short command. The
 * guest sees the host's directories, but one that has come in this second may be new to it. */
static char *begin_command(const Session *s) {
        _cleanup_free_ char *path = s->below ? NEED(strjoin(GUEST_WORK "/", s->below, NULL)) : NULL,
                            *quoted = path ? session_quote(path) : NULL;

        return NEED(strjoin(quoted ? "{ cd -P " : CD_WORK, quoted ?: "",
                        quoted ? " 2>/dev/null || " CD_WORK "; }" : "", " && ",
                        !s->words ? "exec \"$SHELL\" -l"
                                        : s->detached
                                        ? "</dev/null setsid --fork systemd-cat --identifier=exec --"
                                        : "",
                        NULL));
}

/* ssh joins words with blanks and the guest's shell splits them again, so each is quoted. */
static void append_words(char ***argv, char *const *words) {
        for (; words && *words; words++) {
                _cleanup_free_ char *quoted = session_quote(*words);

                memory_need(strv_append(argv, quoted) >= 0);
        }
}

bool session_is_alone(const Context *c) {
        const char *stream = getenv("JOURNAL_STREAM");

        return c->options->user || journal_stream_is(STDOUT_FILENO, stream) ||
                        journal_stream_is(STDERR_FILENO, stream);
}

char **session_argv(const Session *s) {
        _cleanup_free_ char *config = NEED(runtime_path_vm_file(s->runtime_dir, s->id, "ssh.config"));
        /* twice: the guest needs a terminal even if we have none */
        const char *terminal = s->read_only ? "-tt" : s->terminal ? "-t" : "-T";
        _cleanup_free_ char *command = s->program ? NULL : begin_command(s);
        char **argv = NULL;

        memory_need(strv_extend(&argv, s->ssh, "-F", config, terminal, NULL) >= 0);
        if (s->alone)
                memory_need(strv_extend(&argv, "-o", "ControlPath=none", NULL) >= 0);
        if (s->user)
                memory_need(strv_extend(&argv, "-l", s->user, NULL) >= 0);
        memory_need(strv_extend(&argv, "claude-vm", s->program ?: command, NULL) >= 0);
        append_words(&argv, s->words);
        return argv;
}

char **session_begin_ssh(Context *c, const char *program, const char *id) {
        _cleanup_free_ char *config = NEED(runtime_path_vm_file(c->runtime_dir, id, "ssh.config"));
        char **argv = NULL;

        memory_need(strv_extend(&argv, program, "-F", config, NULL) >= 0);
        if (session_is_alone(c))
                memory_need(strv_extend(&argv, "-o", "ControlPath=none", NULL) >= 0);
        if (c->options->user)
                memory_need(strv_append(&argv, "-o") >= 0 &&
                                strv_appendf(&argv, "User=%s", c->options->user) >= 0);
        return argv;
}

#define ANSWER_MSEC 20   /* from a question of the guest's to the terminal's answer */
#define ANSWER_ROUNDS 10 /* of answers that are thrown away */

/* What a guest may leave behind, undone. The soft reset does most of it where the terminal knows it; the
 * rest says the same one by one for those that do not. */
static const char reset[] =
                "\030\033\\"                     /* a sequence or string that it has begun ends */
                "\033[!p"                        /* soft reset */
                "\017\033(B\033)B"               /* letters, not lines, in both character sets */
                "\033[?1047l"                    /* main screen; unlike 1049 it leaves the cursor alone */
                "\033[?69l"                      /* no margins left and right … */
                "\0337\033[?6l\033[r\0338"       /* … or above and below; those move the cursor */
                "\033[4l\033[20l\033[2l\033[12h" /* insert, new line, locked keys, local echo */
                "\033[?7h\033[?45l\033[?5l"      /* wrap, but not backwards; no reverse video */
                "\033[?1l\033>\033[<99u\033[>4m" /* cursor keys, keypad, keyboard protocols */
                "\033[?25h\033[0 q"              /* the cursor and its shape */
                "\033[?9l\033[?1000l\033[?1001l\033[?1002l\033[?1003l" /* mouse … */
                "\033[?1005l\033[?1006l\033[?1015l\033[?1016l"         /* … and its codes */
                "\033[?1004l\033[?2004l\033[?2026l"                    /* focus, paste, held back updates */
                "\033[0m"
                "\033]104\033\\\033]110\033\\\033]111\033\\\033]112\033\\"; /* palette and colours */

/* The user's terminal as it was before a session. */
typedef struct Terminal {
        int input, output; /* descriptors of it; -1: none to restore, or to write to */
        struct termios modes;
} Terminal;

/* Discards what is typed, so that the shell does not get it later; Ctrl-C and Ctrl-\ still end ssh. */
static void ignore_keys(const Terminal *t) {
        struct termios quiet = t->modes;

        quiet.c_lflag &= ~(tcflag_t) (ECHO | ICANON);
        quiet.c_oflag &= ~(tcflag_t) OPOST;
        tcsetattr(t->input, TCSADRAIN, &quiet);
}

/* A guest may ask the terminal something just before the end; the answer is input, and would be typed into
 * the user's shell. */
static void drop_answers(const Terminal *t) {
        struct pollfd in = { .fd = t->input, .events = POLLIN };

        ignore_keys(t);
        for (unsigned i = 0; i < ANSWER_ROUNDS && poll(&in, 1, ANSWER_MSEC) > 0; i++)
                tcflush(t->input, TCIFLUSH);
}

/* The terminal as it was, whatever became of ssh. */
static void restore_terminal(const Terminal *t) {
        if (t->output >= 0) {
                (void) !write(t->output, reset, strlen(reset));
                tcdrain(t->output);
        }
        drop_answers(t);
        tcsetattr(t->input, TCSADRAIN, &t->modes);
}

/* Without a terminal of its own a session may still write to ours. Left alone are one that obeys nothing,
 * one that another job has now, and that of a pipeline: its pager may be drawing on it. */
static int find_terminal(void) {
        const char *term = getenv("TERM");
        struct stat st;
        int fd = isatty(STDOUT_FILENO) ? STDOUT_FILENO : isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
        pid_t job = fd < 0 ? -1 : tcgetpgrp(fd);

        if (!term || strcmp(term, "dumb") == 0 || (job >= 0 && job != getpgrp()) ||
                        (fstat(STDOUT_FILENO, &st) >= 0 && S_ISFIFO(st.st_mode)))
                return -1;
        return fd;
}

/* `own`: the session has the terminal of our standard input for its own. */
static Terminal begin_terminal(bool own) {
        int fd = own ? STDIN_FILENO : find_terminal();
        Terminal t = { .input = fd, .output = !own ? fd : isatty(STDOUT_FILENO) ? STDOUT_FILENO : -1 };

        if (fd < 0 || tcgetattr(fd, &t.modes) < 0)
                t.input = -1;
        return t;
}

static volatile sig_atomic_t child, passed_on;

static void pass_on(int sig) {
        passed_on = sig;
        if (child > 0)
                kill(child, sig);
}

/* These signals end ssh but not the VM; we stay to restore the terminal. */
static const int signals[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT };

typedef struct Signals {
        struct sigaction before[ELEMENTSOF(signals)];
        sigset_t passed, ignored;
} Signals;

/* One that our parent ignores, as nohup(1) does, stays so. The others are blocked until there is a child
 * that they can be passed on to. */
static void take_signals(Signals *s) {
        struct sigaction action = { .sa_handler = pass_on, .sa_flags = SA_RESTART };

        passed_on = 0;
        sigemptyset(&s->passed);
        sigemptyset(&s->ignored);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                sigaction(signals[i], NULL, &s->before[i]);
                sigaddset(s->before[i].sa_handler == SIG_IGN ? &s->ignored : &s->passed, signals[i]);
        }
        sigprocmask(SIG_BLOCK, &s->passed, NULL);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (sigismember(&s->passed, signals[i]))
                        sigaction(signals[i], &action, NULL);
}

static void give_signals_back(const Signals *s) {
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaction(signals[i], &s->before[i], NULL);
        sigprocmask(SIG_UNBLOCK, &s->passed, NULL);
}

/* The child's side of fork(): becomes ssh. That catches signals also where they were ignored, but leaves
 * them blocked. */
static void __attribute__((noreturn)) exec_ssh(char **argv, int input, const Signals *s) {
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                if (sigismember(&s->passed, signals[i]))
                        signal(signals[i], SIG_DFL);
        sigprocmask(SIG_BLOCK, &s->ignored, NULL);
        sigprocmask(SIG_UNBLOCK, &s->passed, NULL);
        /* a viewer must not outlive its claude-run: the terminal may belong to another program by then */
        prctl(PR_SET_PDEATHSIG, sigismember(&s->ignored, SIGHUP) ? SIGKILL : SIGHUP);
        if (input < 0 || dup2(input, STDIN_FILENO) >= 0)
                execv(argv[0], argv);
        fprintf(stderr, "claude-run: Failed to run '%s': %s\n", argv[0], strerror(errno));
        _exit(255);
}

int session_run_program(char **argv, bool terminal, bool read_only) {
        Terminal ours = begin_terminal(terminal);
        /* a standard input that stays silent and never ends */
        int silence[2] = { -EBADF, -EBADF };
        Signals taken;
        int status;
        pid_t pid;

        if (read_only && pipe2(silence, O_CLOEXEC) < 0)
                return -errno;
        take_signals(&taken);
        pid = fork();
        if (pid == 0)
                exec_ssh(argv, silence[0], &taken);
        if (pid < 0) {
                int r = -errno;

                give_signals_back(&taken);
                return r;
        }
        child = pid;
        sigprocmask(SIG_UNBLOCK, &taken.passed, NULL);
        if (read_only && ours.input >= 0)
                ignore_keys(&ours);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        child = 0;
        if (ours.input >= 0)
                restore_terminal(&ours);
        give_signals_back(&taken);
        if (read_only) {
                close(silence[0]);
                close(silence[1]);
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int session_signal(void) {
        return passed_on;
}

int session_run(const Session *s) {
        _cleanup_strv_free_ char **argv = session_argv(s);

        return session_run_program(argv, s->terminal, s->read_only);
}

Session session_make(Context *c, const char *id, const char *program, char *const *words, bool terminal) {
        return (Session) {
                .ssh = c->options->ssh,
                .runtime_dir = c->runtime_dir,
                .id = id,
                .user = c->options->user,
                .alone = session_is_alone(c),
                .terminal = terminal,
                .program = program,
                .words = words,
        };
}

int session_not_run(const char *program, int error) {
        return fail(EXIT_LOST, "Failed to run '%s': %s", program, strerror(-error));
}
