#include "tests/test.h"

#include "common/printable.h"
#include "helper/claude-run/progress-line.h"
#include "tests/capture.h"

static const ProgressMoment saves = {
        .name = "web",
        .what = "Saves the guest's memory",
        .has_total = true,
        .percent = 43,
        .amount = "0.5 of 1.2 GiB",
        .seconds = 5,
};

static void prints(const ProgressMoment *moment, unsigned columns, bool utf8, const char *expected) {
        char text[PROGRESS_LINE_MAX];

        progress_line_print(moment, columns, utf8, text);
        assert_string_equal(text, expected);
}

static void test_widths(void **state) {
        prints(&saves, 200, true,
                        "web: Saves the guest's memory [############..................] 43 % 0.5 of 1.2 GiB, 5 s");
        prints(&saves, 80, true,
                        "web: Saves the guest's memory [#########.............] 43 % 0.5 of 1.2 GiB, 5 s");
        prints(&saves, 60, true, "web: Saves the guest's memory [#######..........] 43 %, 5 s");
        prints(&saves, 54, true, "web: Saves the guest's memory [####.......] 43 %, 5 s");
        prints(&saves, 40, true, "web: Saves the guest's memory 43 %, 5 s");
        prints(&saves, 39, true, "web: Saves the guest's memory 43 %");
        prints(&saves, 20, true, "web: Saves the 43 %");
        prints(&saves, 10, true, "web: 43 %");
        prints(&saves, 5, true, "43 %");
        prints(&saves, 3, true, "43");
        prints(&saves, 1, true, "");
        prints(&saves, 0, true, "");
}

static void test_bounds(void **state) {
        ProgressMoment m = saves;

        m.percent = 0;
        prints(&m, 55, true, "web: Saves the guest's memory [.............] 0 %, 5 s");
        m.percent = 100;
        prints(&m, 55, true, "web: Saves the guest's memory [###########] 100 %, 5 s");
}

static void test_unknown_total(void **state) {
        ProgressMoment m = { .name = "web", .what = "waiting", .seconds = 12 };

        prints(&m, 80, true, "web: waiting … 12 s");
        prints(&m, 80, false, "web: waiting ... 12 s");
        prints(&m, 10, true, "web: wait");
        prints(&m, 4, true, "web");
}

static void test_characters(void **state) {
        ProgressMoment m = { .name = "a\033[2J\nb\tc",
                .what = "d\xff\xC2\x9B"
                        "e\xE2\x80\xAE",
                .seconds = 1 };

        prints(&m, 80, true, "a?[2J?b c: d??e? … 1 s");
        m.name = "schön";
        m.what = "日本";
        prints(&m, 80, true, "schön: 日本 … 1 s");
        prints(&m, 80, false, "sch?n: ?? ... 1 s");
        /* half of a character is none */
        prints(&m, 11, true, "schön: 日");
}

/* Counts a character as at least as many columns as any terminal does. */
static unsigned columns_of(const char *s) {
        unsigned columns = 0;
        const char *why;

        for (size_t size = strlen(s), n; size > 0; s += n, size -= n) {
                n = printable_next(s, size, &why);
                assert_null(why);
                columns += n >= 3 && strncmp(s, "…", n) != 0 ? 2 : 1;
        }
        return columns;
}

static void test_fits(void **state) {
        char name[5000], text[PROGRESS_LINE_MAX];
        ProgressMoment m = saves;

        for (size_t i = 0; i < sizeof(name) - 1; i++)
                name[i] = "日本"[i % 6];
        name[sizeof(name) - 1] = '\0';
        m.amount = "16777216.0 of 16777216.0 TiB";
        m.seconds = UINT64_MAX;
        for (unsigned columns = 1; columns < 3000; columns += columns < 300 ? 1 : 100)
                for (unsigned kind = 0; kind < 8; kind++) {
                        m.name = kind & 1 ? name : "web";
                        m.has_total = kind & 2;
                        progress_line_print(&m, columns, kind & 4, text);
                        if (columns_of(text) >= columns)
                                fail_msg("%u columns: %s", columns, text);
                }
}

static void test_no_terminal(void **state) {
        ProgressLine line = {};
        Capture capture = capture_begin(STDERR_FILENO);

        progress_line_draw(&line, "web", "copies the disk", 1, 2);
        progress_line_draw_status(&line, "web", "Saves it: 43 % (0.5 of 1.2 GiB)");
        progress_line_end(&line);
        assert_string_equal(capture_end(capture), "");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_unknown_total),
                cmocka_unit_test(test_characters),
                cmocka_unit_test(test_fits),
                cmocka_unit_test(test_no_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
