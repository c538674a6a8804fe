#include "tests/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/session.h"
#include "tests/scratch.h"

static void quote(const char *word, const char *expected) {
        char *quoted = session_quote(word);

        assert_string_equal(quoted, expected);
        free(quoted);
}

static void test_quote(void **state) {
        quote("", "''");
        quote("a b", "'a b'");
        quote("it's", "'it'\\''s'");
        quote("$HOME `x` \\ \" *", "'$HOME `x` \\ \" *'");
        quote("a\nb\xff", "'a\nb\xff'");
}

static void test_argv(void **state) {
        Session s = {
                .ssh = "/usr/bin/ssh",
                .runtime_dir = "/run/user/1000",
                .id = "p",
                .program = "/p",
                .words = (char *[]) { (char *) "a b", (char *) "-x", NULL },
        };
        static const char *const expected[] = { "/usr/bin/ssh", "-F",
                "/run/user/1000/claude-vm/p/ssh.config", "-T", "claude-vm", "/p", "'a b'", "'-x'" };
        char **argv = session_argv(&s);

        assert_int_equal(strv_length(argv), 8);
        for (size_t i = 0; i < 8; i++)
                assert_string_equal(argv[i], expected[i]);
        strv_free(argv);
        s.user = "root";
        s.alone = true;
        s.terminal = true;
        argv = session_argv(&s);
        assert_string_equal(argv[3], "-t");
        assert_string_equal(argv[5], "ControlPath=none");
        assert_string_equal(argv[6], "-l");
        assert_string_equal(argv[7], "root");
        strv_free(argv);
}

/* The command for the guest's shell, which is the last word but those of the command. */
static void command(const Session *given, const char *expected) {
        Session s = *given;
        char **argv;

        s.ssh = "/usr/bin/ssh";
        s.runtime_dir = "/run/user/1000";
        s.id = "p";
        argv = session_argv(&s);
        assert_string_equal(argv[5], expected);
        strv_free(argv);
}

static void test_directory(void **state) {
        char *words[] = { (char *) "make", NULL };

        command(&(Session) { .words = words }, "cd -P /work && ");
        command(&(Session) {}, "cd -P /work && exec \"$SHELL\" -l");
        command(&(Session) { .words = words, .below = "a b/it's" },
                        "{ cd -P '/work/a b/it'\\''s' 2>/dev/null || cd -P /work; } && ");
        command(&(Session) { .words = words, .detached = true },
                        "cd -P /work && </dev/null setsid --fork systemd-cat --identifier=exec --");
}

static char *find(const char *served, const char *here) {
        RunOptions o = { .directory = scratch_path(here) };
        Context c = { .options = &o, .runtime_dir = scratch };
        char text[PATH_MAX + 8];

        snprintf(text, sizeof(text), "rw\nyes\n\n/in the guest\n%s", scratch_path(served));
        scratch_write("claude-vm/p/share.work", text, 0600);
        return session_find_below(&c, "p");
}

static void test_find_below(void **state) {
        char *below;

        scratch_mkdir("claude-vm");
        scratch_mkdir("claude-vm/p");
        scratch_mkdir("work");
        scratch_mkdir("work/sub dir");
        scratch_mkdir("workshop");
        scratch_link("work/sub dir", "link");
        below = find("work", "work/sub dir");
        assert_string_equal(below, "sub dir");
        free(below);
        below = find("work", "link");
        assert_string_equal(below, "sub dir");
        free(below);
        assert_null(find("work", "work"));
        assert_null(find("work", "workshop"));
        assert_null(find("work/sub dir", "work"));
        assert_null(find("work", "nowhere"));
}

#define END "\001"

/* The kernel hands what is written to a terminal over later, in its order. */
static char *read_until(int leader, const char *end) {
        char *text = calloc(1, 65536);
        size_t size = 0;

        while (!strstr(text, end)) {
                struct pollfd p = { .fd = leader, .events = POLLIN };
                ssize_t n;

                assert_int_equal(poll(&p, 1, 180000), 1);
                n = read(leader, text + size, 65535 - size);
                assert_true(n > 0);
                size += (size_t) n;
        }
        return text;
}

/* The answer to the guest's question, with a line end and without, which the terminal has echoed. */
static void type_answer(int leader) {
        assert_int_equal(write(leader, "\033[?62;c\nrm -rf", 15), 15);
        free(read_until(leader, "rm -rf"));
}

/* Our standard output, and our standard input if the session has a terminal, are the terminal for the time
 * of a session; returns what it wrote. */
static char *session_in(int leader, int follower, const char *script, bool terminal) {
        int input = dup(STDIN_FILENO), output = dup(STDOUT_FILENO);
        char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) script, NULL };
        char *text;

        fflush(stdout);
        if (terminal)
                dup2(follower, STDIN_FILENO);
        dup2(follower, STDOUT_FILENO);
        assert_int_equal(session_run_program(argv, terminal, false), 7);
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        close(input);
        close(output);
        assert_int_equal(write(follower, END, strlen(END)), strlen(END));
        text = read_until(leader, END);
        text[strcspn(text, END)] = '\0';
        return text;
}

static int count_input(int fd) {
        int n = -1;

        assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
        return n;
}

static void open_terminal(int *ret_leader, int *ret_follower) {
        int leader = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

        assert_true(leader >= 0 && grantpt(leader) == 0 && unlockpt(leader) == 0);
        *ret_leader = leader;
        *ret_follower = open(ptsname(leader), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(*ret_follower >= 0);
}

/* F17: whatever the guest has set, the user's terminal is as it was, and nothing is typed into his shell. */
static void test_terminal_is_restored(void **state) {
        static const char *const undone[] = { "\033[!p", "\033(B", "\017", "\033[?1047l", "\033[r",
                "\033[4l", "\033[20l", "\033[2l", "\033[?7h", "\033[?5l", "\033[?6l", "\033[?1l", "\033>",
                "\033[?25h", "\033[?1000l", "\033[?1002l", "\033[?1003l", "\033[?1005l", "\033[?1006l",
                "\033[?1015l", "\033[?1016l", "\033[?1004l", "\033[?2004l", "\033]104\033\\",
                "\033]110\033\\", "\033]111\033\\", "\033]112\033\\", "\033[0m" };
        struct termios before, after;
        int leader, follower;
        const char *reset;
        char *text;

        open_terminal(&leader, &follower);
        assert_int_equal(tcgetattr(follower, &before), 0);
        type_answer(leader);
        text = session_in(leader, follower, "stty -echo -icanon; printf 'LAST\\033]0;open'; exit 7", true);
        reset = strstr(text, "LAST\033]0;open\030\033\\\033[!p");
        assert_non_null(reset);
        for (size_t i = 0; i < ELEMENTSOF(undone); i++)
                if (!strstr(reset, undone[i]))
                        fail_msg("the terminal is not told ESC%s", undone[i] + 1);
        assert_int_equal(count_input(follower), 0);
        assert_int_equal(tcgetattr(follower, &after), 0);
        assert_int_equal(before.c_lflag, after.c_lflag);
        assert_int_equal(before.c_oflag, after.c_oflag);
        free(text);
        close(follower);
        close(leader);
}

/* The same for a session on plain pipes whose output is the user's terminal. */
static void test_terminal_of_pipes(void **state) {
        int leader, follower;
        char *text;

        open_terminal(&leader, &follower);
        setenv("TERM", "xterm", 1);
        type_answer(leader);
        text = session_in(leader, follower, "printf 'LAST\\033]0;open'; exit 7", false);
        assert_non_null(strstr(text, "LAST\033]0;open\030\033\\\033[!p"));
        assert_int_equal(count_input(follower), 0);
        free(text);
        /* which would print it */
        setenv("TERM", "dumb", 1);
        text = session_in(leader, follower, "echo LAST; exit 7", false);
        assert_string_equal(text, "LAST\r\n");
        free(text);
        close(follower);
        close(leader);
}

static int run_script(const char *script) {
        char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) script, NULL };

        return session_run_program(argv, false, false);
}

/* True if a session's program has SIGHUP blocked. A shell would clear its mask. */
static bool is_blocked(void) {
        char *argv[] = { (char *) "/bin/grep", (char *) "-q", (char *) "^SigBlk:.*1$",
                (char *) "/proc/self/status", NULL };

        return session_run_program(argv, false, false) == 0;
}

static void test_signals(void **state) {
        struct sigaction before;

        assert_int_equal(run_script("kill -TERM $PPID; sleep 10; exit 7"), 255);
        assert_int_equal(session_signal(), SIGTERM);
        assert_int_equal(run_script("exit 7"), 7);
        assert_int_equal(session_signal(), 0);
        assert_int_equal(sigaction(SIGTERM, NULL, &before), 0);
        assert_ptr_equal(before.sa_handler, SIG_DFL);
        /* as nohup(1) leaves it; ssh would catch the signal if it were not blocked */
        signal(SIGHUP, SIG_IGN);
        assert_int_equal(run_script("kill -HUP $PPID; exit 7"), 7);
        assert_int_equal(session_signal(), 0);
        assert_true(is_blocked());
        signal(SIGHUP, SIG_DFL);
        assert_false(is_blocked());
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quote),
                cmocka_unit_test(test_argv),
                cmocka_unit_test(test_directory),
                cmocka_unit_test_setup_teardown(test_find_below, scratch_setup, scratch_teardown),
                cmocka_unit_test(test_terminal_is_restored),
                cmocka_unit_test(test_terminal_of_pipes),
                cmocka_unit_test(test_signals),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
