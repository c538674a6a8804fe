#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/usec.h"
#include "helper/clipboard/allowance.h"
#include "helper/clipboard/png.h"
#include "helper/clipboard/source.h"
#include "helper/host/viewers.h"
#include "tests/scratch.h"

/* --- the image ------------------------------------------------------------------------- */

/* 1 by 1 pixel; checksums are not looked at. */
#define SIGNATURE "\x89PNG\r\n\x1a\n"
#define HEADER "\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x02\x08\x02\0\0\0cccc"
#define PIXELS "\0\0\0\x01IDAT.cccc"
#define END "\0\0\0\0IENDcccc"
#define IMAGE SIGNATURE HEADER PIXELS END

static int look(const char *data, size_t size, Png *ret) {
        /* of its own size, so that a sanitizer sees a read behind its end */
        _cleanup_free_ uint8_t *copy = malloc(size ?: 1);

        assert_non_null(copy);
        memcpy(copy, data, size);
        return png_look(copy, size, ret);
}

#define LOOK(text, ret) look(text, sizeof(text) - 1, ret)

static void test_png(void **state) {
        Png png;

        assert_int_equal(LOOK(IMAGE, &png), 0);
        assert_int_equal(png.width, 1);
        assert_int_equal(png.height, 2);
        assert_int_equal(png.size, sizeof(IMAGE) - 1);
        /* what lies behind it is no part of it */
        assert_int_equal(LOOK(IMAGE "password", &png), 0);
        assert_int_equal(png.size, sizeof(IMAGE) - 1);
        assert_int_equal(LOOK(SIGNATURE HEADER "\0\0\0\x04tEXtabcdcccc" PIXELS PIXELS END, &png), 0);
}

static void test_no_png(void **state) {
        Png png;

        /* each beginning of one */
        for (size_t n = 0; n < sizeof(IMAGE) - 1; n++)
                assert_int_equal(look(IMAGE, n, &png), -EBADMSG);
        assert_int_equal(LOOK("text" IMAGE, &png), -EBADMSG);
        assert_int_equal(
                        LOOK("\xff\xd8\xff\xe0 JFIF, of a length that a header would have", &png), -EBADMSG);
        assert_int_equal(LOOK(SIGNATURE PIXELS HEADER END, &png), -EBADMSG);
        assert_int_equal(LOOK(SIGNATURE HEADER END, &png), -EBADMSG);
        assert_int_equal(LOOK(SIGNATURE HEADER PIXELS "\0\0\0\x01IEND.cccc", &png), -EBADMSG);
        /* a type is letters, and a length ends in the image */
        assert_int_equal(LOOK(SIGNATURE HEADER "\0\0\0\0IDA\0cccc" PIXELS END, &png), -EBADMSG);
        assert_int_equal(LOOK(SIGNATURE HEADER "\xff\xff\xff\xf4IDATcccc" PIXELS END, &png), -EBADMSG);
        assert_int_equal(LOOK(SIGNATURE HEADER "\x7f\xff\xff\xffIDATcccc" PIXELS END, &png), -EBADMSG);
}

static void test_header(void **state) {
        static const struct {
                size_t at;
                uint8_t byte;
        } bad[] = { { 19, 0 /* width */ }, { 16, 0x80 }, { 23, 0 /* height */ }, { 24, 3 /* depth */ },
                { 24, 1 }, { 24, 40 }, { 25, 1 /* colour */ }, { 25, 7 }, { 26, 1 /* compression */ },
                { 27, 1 /* filter */ }, { 28, 2 /* interlace */ } };
        Png png;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char image[] = IMAGE;

                image[bad[i].at] = (char) bad[i].byte;
                assert_int_equal(LOOK(image, &png), -EBADMSG);
        }
}

/* --- the allowance --------------------------------------------------------------------- */

/* `n` questions at one moment; how many may be answered. */
static unsigned take(Allowance *a, uint64_t now, unsigned n, unsigned *first) {
        unsigned taken = 0;

        for (unsigned i = 0; i < n; i++) {
                bool is_first;

                taken += allowance_take(a, now, &is_first);
                *first += is_first;
        }
        return taken;
}

static void test_allowance(void **state) {
        Allowance a = {};
        unsigned first = 0, taken = 0;

        assert_int_equal(take(&a, 0, 1000, &first), ALLOWANCE_BURST);
        assert_int_equal(take(&a, 10 * SEC, 1000, &first), 0);
        /* said once for all of them */
        assert_int_equal(first, 1);
        assert_int_equal(take(&a, 10 * SEC + 1, 1, &first), 1);
        /* all day, as fast as it may */
        a = (Allowance) {};
        for (uint64_t second = 0; second < 86400; second++)
                taken += take(&a, second * SEC, 20, &first);
        assert_in_range(taken, 20 * ALLOWANCE_HOUR, 24 * ALLOWANCE_HOUR);
}

/* --- the host's programs --------------------------------------------------------------- */

/* A program that does what the shell is told. */
static const char *program(const char *name, const char *script) {
        char text[512];

        snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
        scratch_write(name, text, 0700);
        return scratch_path(name);
}

static const char *const wayland[] = { "WAYLAND_DISPLAY=w-1", "SECRET=1", NULL };
static const char *const x11[] = { "DISPLAY=:7", NULL };
static const char *const both[] = { "DISPLAY=:7", "WAYLAND_DISPLAY=w-1", NULL };
static const char *const neither[] = { "SECRET=1", NULL };

#define TYPES "[ \"$1\" != --list-types ] || { printf 'text/html\\nimage/png\\n'; exit; }\n"

static int has_png(const char *wl_paste, const char *xclip, const char *const variables[]) {
        return clipboard_has_png(&(ClipboardSource) { wl_paste, xclip, (char *const *) variables });
}

/* What is read is this text, or this error. */
static void assert_read(const char *wl_paste, const char *xclip, const char *const variables[], int result,
                const char *text) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size = 0;

        assert_int_equal(
                        clipboard_read_png(&(ClipboardSource) { wl_paste, xclip, (char *const *) variables },
                                        &data, &size),
                        result);
        assert_int_equal(size, strlen(text));
        if (size > 0)
                assert_memory_equal(data, text, size);
}

static void test_source(void **state) {
        const char *good = program("good",
                        TYPES "[ \"$*\" = '--no-newline --type image/png' ] && "
                              "printf %s \"$WAYLAND_DISPLAY$DISPLAY$SECRET\"");

        assert_int_equal(has_png(good, "/none", wayland), 1);
        /* the display, and nothing else of the session */
        assert_read(good, "/none", wayland, 0, "w-1");
        assert_int_equal(has_png(good, "/none", neither), -ENXIO);
        assert_int_equal(has_png("/none", "/none", both), -ENOENT);
        assert_int_equal(has_png(good, "/none", x11), -ENOENT);
        assert_read(good, good, neither, -ENXIO, "");
}

/* The second one has an answer where the first has none. */
static void test_order(void **state) {
        const char *none = program("none", "exit 1"),
                   *x = program("x",
                                   "[ \"$*\" = '-selection clipboard -o -t image/png' ] && printf x || "
                                   "printf 'TARGETS\nimage/png'"),
                   *text = program("text", "printf 'TARGETS\nimage/png2\nimage/pn'");

        assert_int_equal(has_png(none, x, both), 1);
        assert_int_equal(has_png("/none", x, both), 1);
        assert_int_equal(has_png(none, "/none", both), 0);
        assert_int_equal(has_png("/none", text, x11), 0);
        assert_read("/none", x, x11, 0, "x");
        assert_read(none, x, both, 0, "x");
        assert_read(none, none, both, -ENODATA, "");
}

static void test_large(void **state) {
        const char *large = program("large", "exec cat /dev/zero"),
                   *most = program("most", "head -c 16777216 /dev/zero; [ $# != 3 ] || printf x");
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        assert_read(large, large, both, -EFBIG, "");
        assert_int_equal(has_png(large, large, both), -EFBIG);
        assert_int_equal(clipboard_read_png(&(ClipboardSource) { "/none", most, (char *const *) x11 }, &data,
                                         &size),
                        0);
        assert_int_equal(size, IMAGE_MAX);
        /* a byte more */
        assert_read(most, "/none", wayland, -EFBIG, "");
}

/* One that hangs is killed, and so is what it has started. */
static void test_hang(void **state) {
        const char *hangs = program("hangs", "sleep 1000 >\"${0%/*}/fifo\" & exec >&-; wait");
        _cleanup_close_ int fd = -EBADF;
        char c;

        assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
        fd = open(scratch_path("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(has_png(hangs, hangs, both), -ETIMEDOUT);
        /* ends with the last that has it open for writing */
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        assert_int_equal(read(fd, &c, 1), 0);
}

/* --- who is there ---------------------------------------------------------------------- */

/* A process with the command line of a session. */
static pid_t begin_session(const char *config, const char *terminal, const char *program) {
        int pipe_fds[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(pipe_fds), 0);
        pid = fork();
        if (pid == 0) {
                /* its output says that it has begun, and ends with it */
                dup2(pipe_fds[1], STDOUT_FILENO);
                close(pipe_fds[0]);
                execl("/bin/sh", "ssh", "-c", "echo; kill -STOP $$", "-F", config, terminal, "claude-vm",
                                program, NULL);
                _exit(127);
        }
        close(pipe_fds[1]);
        assert_int_equal(read(pipe_fds[0], &c, 1), 1);
        close(pipe_fds[0]);
        return pid;
}

static void end_session(pid_t pid) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static unsigned count_viewers(const char *id) {
        _cleanup_viewers_ Viewers viewers = {};

        return viewers_count(&viewers, scratch, id);
}

static void test_viewers(void **state) {
        const char *config = scratch_path("claude-vm/web/ssh.config");
        pid_t plain, viewer;

        plain = begin_session(config, "-T", "/usr/lib/claude-vm/agent-exec");
        assert_false(viewers_have_terminal(scratch, "web"));
        assert_int_equal(count_viewers("web"), 0);
        viewer = begin_session(config, "-tt", PROGRAM_ATTACH);
        assert_true(viewers_have_terminal(scratch, "web"));
        assert_int_equal(count_viewers("web"), 1);
        /* another VM, whose name begins as this one's does */
        assert_false(viewers_have_terminal(scratch, "we"));
        assert_int_equal(count_viewers("we"), 0);
        end_session(viewer);
        assert_false(viewers_have_terminal(scratch, "web"));
        end_session(plain);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_png),
                cmocka_unit_test(test_no_png),
                cmocka_unit_test(test_header),
                cmocka_unit_test(test_allowance),
                cmocka_unit_test_setup_teardown(test_source, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_order, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_large, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_hang, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_viewers, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
