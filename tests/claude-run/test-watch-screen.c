/* What a row holds may be a guest's, and a terminal has any size. */

#include "tests/test.h"

#include "common/cleanup.h"
#include "common/usec.h"
#include "helper/claude-run/watch-screen.h"

#define LINES_MAX 64U

static char *print(const WatchScreen *screen) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        watch_screen_print(f, screen);
        fclose(f);
        return text;
}

/* The lines without what erases and what is bold; how many there are. */
static size_t split(char *text, char *lines[static LINES_MAX]) {
        size_t n = 0;

        for (char *line; (line = strsep(&text, "\n"));) {
                char *bold = strstr(line, "\033[1m"), *erase = strstr(line, "\033[K");

                assert_non_null(erase);
                *erase = '\0';
                assert_true(n < LINES_MAX);
                lines[n++] = bold ? bold + strlen("\033[1m") : line;
        }
        return n;
}

static VmRow running(const char *name) {
        return (VmRow) {
                .name = (char *) name,
                .directory = (char *) "/home/me/src/website",
                .state = {
                        .active_state = (char *) "active",
                        .memory = 1200ULL << 20,
                        .active_enter_usec = usec_now(CLOCK_REALTIME) - 75 * SEC,
                },
                .agent = AGENT_WAITING,
                .viewers = 2,
                .has_network = true,
                .refused = 17,
                .has_disk = true,
                .disk = 300ULL << 20,
        };
}

static VmRow failed(const char *name, const char *status) {
        return (VmRow) {
                .name = (char *) name,
                .state = { .active_state = (char *) "failed", .status_text = (char *) status },
        };
}

static void test_columns(void **state) {
        VmRow items[] = { running("website"), failed("api", "QEMU was killed by SIGKILL") };
        VmRows rows = { .items = items, .n = ELEMENTSOF(items) };
        uint64_t cpu[] = { 140, WATCH_CPU_UNKNOWN };
        WatchScreen screen = { .rows = &rows, .cpu = cpu, .lines = 24, .columns = 80 };
        _cleanup_free_ char *text = print(&screen);
        char *lines[LINES_MAX];

        assert_int_equal(split(text, lines), 24);
        assert_string_equal(lines[0],
                        "  NAME            STATE      AGENT    UPTIME MEMORY   CPU REFUSED  DISK VIEWERS ");
        /* a second may pass meanwhile */
        strstr(lines[1], "1m 1")[4] = '5';
        assert_string_equal(lines[1],
                        "> website         active     waiting  1m 15s   1.2G  140%      17  300M       2 ");
        assert_string_equal(lines[2],
                        "  api             failed     -             -      -     -       -     -       - ");
        assert_string_equal(lines[3], "    QEMU was killed by SIGKILL");
        assert_string_equal(lines[4], "");
        assert_non_null(strstr(lines[23], "q quit"));
}

static void test_texts_are_harmless(void **state) {
        VmRow items[] = { failed("a\033[2J", "it said: \r\n\033]0;title\007 \xff") };
        VmRows rows = { .items = items, .n = 1 };
        uint64_t cpu[] = { WATCH_CPU_UNKNOWN };
        WatchScreen screen = {
                .rows = &rows, .cpu = cpu, .lines = 24, .columns = 80, .message = "\033[31mred"
        };
        _cleanup_free_ char *text = print(&screen);
        char *lines[LINES_MAX];

        assert_int_equal(split(text, lines), 24);
        for (size_t i = 1; i < 24; i++)
                assert_null(strpbrk(lines[i], "\033\007\xff"));
        assert_string_equal(lines[23], "?[31mred");
}

static void test_any_size(void **state) {
        VmRow items[20];
        char names[20][8];
        VmRows rows = { .items = items, .n = 20 };
        uint64_t cpu[20];

        for (size_t i = 0; i < 20; i++) {
                snprintf(names[i], sizeof(names[i]), "vm%zu", i);
                items[i] = i % 2 ? failed(names[i], "é was not there") : running(names[i]);
                cpu[i] = 1;
        }
        for (unsigned n = 1; n <= 40; n += 3) {
                WatchScreen screen = { .rows = &rows, .cpu = cpu, .selected = 13, .lines = n, .columns = n };
                _cleanup_free_ char *text = print(&screen);
                char *lines[LINES_MAX];
                size_t n_lines = split(text, lines);

                /* below four lines the terminal scrolls */
                assert_int_equal(n_lines, n < 4 ? 4 : n);
                for (size_t i = 0; i < n_lines; i++) {
                        size_t columns = 0;

                        for (const char *s = lines[i]; *s && *s != '\r'; s++)
                                columns += ((unsigned char) *s & 0xc0) != 0x80;
                        assert_true(columns <= n);
                }
        }
}

/* The selected row is on the screen, and its reason as well. */
static void test_selected_is_shown(void **state) {
        VmRow items[20];
        char names[20][8];
        VmRows rows = { .items = items, .n = 20 };
        uint64_t cpu[20] = {};

        for (size_t i = 0; i < 20; i++) {
                snprintf(names[i], sizeof(names[i]), "vm%zu", i);
                items[i] = failed(names[i], names[i]);
        }
        for (size_t selected = 0; selected < 20; selected++) {
                WatchScreen screen = {
                        .rows = &rows, .cpu = cpu, .selected = selected, .lines = 8, .columns = 80
                };
                _cleanup_free_ char *text = print(&screen);
                char *row = strstr(text, "> vm"), reason[16];

                assert_non_null(row);
                snprintf(reason, sizeof(reason), "    vm%zu", selected);
                assert_memory_equal(row + 2, reason + 4, strlen(reason) - 4);
                assert_non_null(strstr(row, reason));
        }
}

static void test_nothing(void **state) {
        VmRows rows = {};
        WatchScreen screen = { .rows = &rows, .lines = 24, .columns = 80 };
        _cleanup_free_ char *text = print(&screen);

        assert_non_null(strstr(text, "no project and no VM yet"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_columns),
                cmocka_unit_test(test_texts_are_harmless),
                cmocka_unit_test(test_any_size),
                cmocka_unit_test(test_selected_is_shown),
                cmocka_unit_test(test_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
