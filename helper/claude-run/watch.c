/* Reads the list anew each second; a key or a new size only draws it again. Another claude-run does what a
 * key asks for, so a VM that takes long to stop blocks nothing here. */

#include "helper/claude-run/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/usec.h"
#include "common/whole-file.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/session.h"
#include "helper/claude-run/watch-screen.h"

#define PERIOD_MSEC 1000
#define OUTPUT_MAX 4096U
#define SELF "/proc/self/exe"

/* The other screen, without a cursor and without wrapping. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

typedef struct Watch {
        Context *c;
        struct termios modes; /* of the terminal before */
        VmRows rows;
        uint64_t *cpu;      /* of each row, per cent */
        uint64_t read_usec; /* CLOCK_MONOTONIC, when the rows were */
        char selected[256]; /* the name of that row; it stays selected when others come */
        char *message;      /* owned; NULL: none */
        const char *failed; /* what could not be done when the rows were read last */
        char *question;     /* the VM that is to stop if the user says so; NULL: none */
        pid_t job;          /* what a key has begun; 0: nothing */
        int job_output;
} Watch;

/* --- signals --------------------------------------------------------------------------- */

static volatile sig_atomic_t end_signal;

static void on_end(int sig) {
        end_signal = sig;
}

/* It only ends the wait: a new size, or the end of a job. */
static void on_wake(int sig) {
}

static void take_signals(void) {
        static const struct {
                int sig;
                void (*handler)(int);
        } table[] = { { SIGTERM, on_end }, { SIGHUP, on_end }, { SIGINT, on_end }, { SIGQUIT, on_end },
                { SIGWINCH, on_wake }, { SIGCHLD, on_wake } };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                sigaction(table[i].sig, &(struct sigaction) { .sa_handler = table[i].handler }, NULL);
}

/* --- the terminal ---------------------------------------------------------------------- */

static void write_all(const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(STDOUT_FILENO, text, size);

                if (n < 0 && errno != EINTR)
                        return;
                text += n > 0 ? n : 0;
                size -= n > 0 ? (size_t) n : 0;
        }
}

static void enter(const Watch *w) {
        struct termios raw = w->modes;

        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
        write_all(ENTER, strlen(ENTER));
}

static void leave(const Watch *w) {
        write_all(LEAVE, strlen(LEAVE));
        tcsetattr(STDIN_FILENO, TCSADRAIN, &w->modes);
}

static size_t selected_row(const Watch *w) {
        for (size_t i = 0; i < w->rows.n; i++)
                if (strcmp(w->rows.items[i].name, w->selected) == 0)
                        return i;
        return 0;
}

static void draw(const Watch *w) {
        struct winsize size = { .ws_row = 24, .ws_col = 80 };
        _cleanup_free_ char *question = w->question
                        ? NEED(strjoin("Stop '", w->question, "'? What the agent does now ends. y/n", NULL))
                        : NULL;
        WatchScreen screen = {
                .rows = &w->rows,
                .cpu = w->cpu,
                .selected = selected_row(w),
                .message = question ?: w->message,
        };
        char *text = NULL;
        size_t n;
        FILE *f = NEED(open_memstream(&text, &n));

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
                size = (struct winsize) { .ws_row = 24, .ws_col = 80 };
        screen.lines = size.ws_row;
        screen.columns = size.ws_col;
        fputs("\033[H", f);
        watch_screen_print(f, &screen);
        fputs("\033[J", f);
        memory_need(fclose(f) == 0);
        write_all(text, n);
        free(text);
}

/* --- the rows -------------------------------------------------------------------------- */

static uint64_t cpu_since(const VmRows *before, const VmRow *row, uint64_t elapsed_usec) {
        for (size_t i = 0; i < before->n && elapsed_usec > 0; i++) {
                const VmRow *then = &before->items[i];

                if (strcmp(then->name, row->name) == 0 && vm_row_is_active(then) &&
                                then->state.cpu_nsec <= row->state.cpu_nsec &&
                                row->state.cpu_nsec != UINT64_MAX)
                        return (row->state.cpu_nsec - then->state.cpu_nsec) / 10 / elapsed_usec;
        }
        return WATCH_CPU_UNKNOWN;
}

/* Projects come and go, too. 0, negative errno: what is said of it now would go with the other screen. */
static int read_rows(Watch *w) {
        _cleanup_(vm_rows_done) VmRows before = w->rows;
        uint64_t now, elapsed;
        int r;

        w->rows = (VmRows) {};
        context_forget_projects(w->c);
        w->failed = "list projects";
        r = project_entries_read(w->c->options->generator, &w->c->projects);
        if (r < 0)
                return r;
        w->c->have_projects = true;
        w->failed = "list VMs";
        r = vm_rows_read(w->c, VM_ROWS_NETWORK | VM_ROWS_REMARKS, &w->rows);
        if (r < 0)
                return r;
        now = usec_now(CLOCK_MONOTONIC);
        elapsed = now - w->read_usec;
        w->read_usec = now;
        w->cpu = NEED(reallocarray(w->cpu, w->rows.n + 1, sizeof(uint64_t)));
        for (size_t i = 0; i < w->rows.n; i++)
                w->cpu[i] = cpu_since(&before, &w->rows.items[i], elapsed);
        return 0;
}

/* --- what keys do ---------------------------------------------------------------------- */

static void say(Watch *w, const char *first, const char *second) {
        free(w->message);
        w->message = NEED(strjoin(first, second ?: "", NULL));
}

/* Not by stdio, in which a signal would leave an error. */
static void wait_for_enter(void) {
        char key = 0;
        ssize_t n;

        do
                n = read(STDIN_FILENO, &key, 1);
        while (n < 0 ? errno == EINTR && !end_signal : n > 0 && key != '\n');
}

/* In this terminal, which is its own meanwhile. */
static void run_here(Watch *w, const char *verb, const char *id) {
        const char *argv[] = { SELF, verb, id, NULL };
        int r;

        leave(w);
        r = session_run_program((char **) argv, true, false);
        if (r != 0) {
                /* what it has said is still to be read */
                printf("\nTo go back to the list press Enter.\n");
                fflush(stdout);
                wait_for_enter();
        }
        enter(w);
}

/* Beside us; its last line becomes the message. */
static void run_beside(Watch *w, const char *verb, const char *id) {
        const char *argv[] = { SELF, verb, id, NULL };

        if (w->job > 0) {
                say(w, "Something else is still being done", NULL);
                return;
        }
        w->job_output = memfd_create("output", MFD_CLOEXEC);
        w->job = w->job_output < 0 ? -1 : fork();
        if (w->job == 0) {
                int null = open("/dev/null", O_RDONLY);

                setsid();
                if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(w->job_output, STDOUT_FILENO) >= 0 &&
                                dup2(w->job_output, STDERR_FILENO) >= 0)
                        execv(argv[0], (char **) argv);
                _exit(127);
        }
        if (w->job < 0) {
                say(w, "Failed to run claude-run: ", strerror(errno));
                w->job = 0;
                return;
        }
        say(w, strcmp(verb, "stop") == 0 ? "Stopping " : "Suspending ", id);
}

static void end_job(Watch *w) {
        _cleanup_free_ char *output = NULL;
        size_t size;
        char *last;
        int status;

        if (w->job <= 0 || waitpid(w->job, &status, WNOHANG) != w->job)
                return;
        w->job = 0;
        if (lseek(w->job_output, 0, SEEK_SET) == 0 &&
                        whole_file_read_fd(w->job_output, OUTPUT_MAX, &output, &size) >= 0) {
                while (size > 0 && output[size - 1] == '\n')
                        output[--size] = '\0';
                last = strrchr(output, '\n');
                say(w, last ? last + 1 : output, NULL);
        }
        close(w->job_output);
        if (w->message && !w->message[0]) {
                free(w->message);
                w->message = NULL;
        }
}

static void select_row(Watch *w, size_t i) {
        if (i < w->rows.n)
                snprintf(w->selected, sizeof(w->selected), "%s", w->rows.items[i].name);
}

static void answer(Watch *w, char key) {
        _cleanup_free_ char *id = w->question;

        w->question = NULL;
        if (key == 'y')
                run_beside(w, "stop", id);
}

/* False: the user has enough. */
static bool take_key(Watch *w, char key) {
        size_t i = selected_row(w);
        const VmRow *row = i < w->rows.n ? &w->rows.items[i] : NULL;

        if (w->question) {
                answer(w, key);
                return true;
        }
        if (w->job == 0) {
                free(w->message);
                w->message = NULL;
        }
        switch (key) {
        case 'q':
        case 'C' - '@': /* Ctrl-C */
                return false;
        case 'k':
                select_row(w, i > 0 ? i - 1 : 0);
                break;
        case 'j':
                select_row(w, i + 1);
                break;
        case '\r':
                if (row)
                        run_here(w, vm_row_is_active(row) ? "attach" : "run", row->name);
                break;
        case 's':
        case 'x':
                if (!row || !vm_row_is_active(row))
                        say(w, row ? row->name : "It", " does not run");
                else if (key == 's')
                        run_beside(w, "suspend", row->name);
                else
                        w->question = NEED(strdup(row->name));
                break;
        default:
                break;
        }
        return true;
}

/* Arrows, in both of their forms, are `j` and `k`; other sequences are nothing. */
static bool take_keys(Watch *w, const char *keys, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char key = keys[i];

                if (key == '\033' && i + 2 < n && (keys[i + 1] == '[' || keys[i + 1] == 'O')) {
                        i += 2;
                        while (i + 1 < n && keys[i] >= '0' && keys[i] <= '?')
                                i++;
                        key = keys[i] == 'A' ? 'k' : keys[i] == 'B' ? 'j' : '\0';
                }
                if (!take_key(w, key))
                        return false;
        }
        return true;
}

/* --- the loop -------------------------------------------------------------------------- */

/* The exit status, or negative errno. */
static int run(Watch *w) {
        struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
        char keys[64];

        while (!end_signal) {
                uint64_t age = usec_now(CLOCK_MONOTONIC) - w->read_usec;
                int wait = age / 1000 < PERIOD_MSEC ? PERIOD_MSEC - (int) (age / 1000) : 0;
                int n = poll(&in, 1, wait), r;

                end_job(w);
                if (n > 0) {
                        ssize_t size = read(STDIN_FILENO, keys, sizeof(keys));

                        if (size == 0 || (size < 0 && errno != EINTR) ||
                                        (size > 0 && !take_keys(w, keys, (size_t) size)))
                                return 0;
                }
                if (n == 0) {
                        r = read_rows(w);
                        if (r < 0)
                                return r;
                }
                draw(w);
        }
        return 128 + end_signal;
}

int watch(Context *c) {
        Watch w = { .c = c };
        int r;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &w.modes) < 0)
                return fail(EXIT_USAGE, "--watch needs a terminal; for programs: claude-run list --json");
        r = read_rows(&w);
        if (r >= 0) {
                take_signals();
                enter(&w);
                draw(&w);
                r = run(&w);
                leave(&w);
        }
        if (r < 0)
                r = fail(EXIT_FAILURE, "Failed to %s: %s", w.failed, strerror(-r));
        vm_rows_done(&w.rows);
        free(w.cpu);
        free(w.message);
        free(w.question);
        return r;
}
