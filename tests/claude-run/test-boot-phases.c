/* What the guest says of its start is a guest's word, and the phases follow each other. */

#include "tests/test.h"

#include "common/cleanup.h"
#include "common/usec.h"
#include "helper/claude-run/boot-phases.h"

#define MS (SEC / 1000)

static BootTimes times_of_start(void) {
        return (BootTimes) {
                .at = {
                        [BOOT_BEGINS] = 100 * SEC,
                        [BOOT_HELPER] = 100 * SEC + 200 * MS,
                        [BOOT_QEMU] = 100 * SEC + 500 * MS,
                        [BOOT_READY] = 111 * SEC,
                        [BOOT_DRAWN] = 120 * SEC,
                },
                .wall = 1,
        };
}

static void test_startup(void **state) {
        static const struct {
                const char *line;
                uint64_t kernel, userspace; /* µs before 112 s; 0: not believed */
        } cases[] = {
                { "[   11.645091] systemd[1]: Startup finished in 8.359s (kernel) + 3.269s (userspace) = 11.628s.",
                                0, 0 }, /* began before QEMU */
                { "systemd[1]: Startup finished in 8.359s (kernel) + 2.5s (userspace) = 10.859s.",
                                10859 * MS, 2500 * MS },
                { "Startup finished in 900ms (kernel) + 1.2s 20us (userspace) = 2.1s.", 2100 * MS + 20,
                                1200 * MS + 20 },
                { "Startup finished in 2s (kernel) + 900ms (userspace) = 2.9s.", 0, 0 }, /* after READY */
                { "Startup finished in 1min 2.5s (kernel) + 1s (userspace) = 1min 3.5s.", 0, 0 },
                { "Startup finished in  (kernel) +  (userspace) = .", 0, 0 },
                { "Startup finished in 1 (kernel) + 1 (userspace) = 2.", 0, 0 },
                { "Startup finished in 99999999999999999999s (kernel) + 1s (userspace) = 1s.", 0, 0 },
                { "Startup finished in 1h (kernel) + 1s (userspace) = 1s.", 0, 0 },
                { "Startup finished in 1.s (kernel) + 1.0000000009s (userspace) = 2s.", 2 * SEC, 1 * SEC },
                { "", 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                BootTimes times = times_of_start();

                boot_times_take_startup(&times, cases[i].line, 112 * SEC);
                if (cases[i].kernel == 0) {
                        assert_int_equal(times.at[BOOT_KERNEL], 0);
                        assert_int_equal(times.at[BOOT_USERSPACE], 0);
                        continue;
                }
                assert_int_equal(times.at[BOOT_KERNEL], 112 * SEC - cases[i].kernel);
                assert_int_equal(times.at[BOOT_USERSPACE], 112 * SEC - cases[i].userspace);
        }
}

static void assert_phase(const BootPhase *phase, const char *name, uint64_t begin, uint64_t end) {
        assert_string_equal(phase->name, name);
        assert_int_equal(phase->begin, begin);
        assert_int_equal(phase->end, end);
}

static void test_phases(void **state) {
        BootTimes times = times_of_start();
        BootPhase list[N_BOOT_EVENTS];

        boot_times_take_startup(
                        &times, "Startup finished in 8s (kernel) + 3s (userspace) = 11s.", 112 * SEC);
        assert_int_equal(boot_phases(&times, list), 6);
        assert_phase(&list[0], "network", 0, 200 * MS);
        assert_phase(&list[1], "helper", 200 * MS, 500 * MS);
        assert_phase(&list[2], "QEMU", 500 * MS, SEC);
        assert_phase(&list[3], "kernel, initrd", SEC, 9 * SEC);
        assert_phase(&list[4], "guest's units", 9 * SEC, 11 * SEC);
        assert_phase(&list[5], "agent", 11 * SEC, 20 * SEC);
}

/* A guest that says nothing, or nonsense, and a start that ended early. */
static void test_gaps(void **state) {
        BootTimes times = times_of_start();
        BootPhase list[N_BOOT_EVENTS];

        times.at[BOOT_USERSPACE] = 99 * SEC;
        assert_int_equal(boot_phases(&times, list), 4);
        assert_phase(&list[2], "QEMU", 500 * MS, 11 * SEC);
        assert_phase(&list[3], "agent", 11 * SEC, 20 * SEC);

        times = (BootTimes) { .at = { [BOOT_BEGINS] = 5 * SEC }, .failed = 8 * SEC };
        assert_int_equal(boot_phases(&times, list), 1);
        assert_phase(&list[0], "network", 0, 3 * SEC);
        times.failed = 0;
        assert_int_equal(boot_phases(&times, list), 0);
}

static char *print(const BootTimes *times, bool svg) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        if (svg)
                boot_print_svg(times, "web", f);
        else {
                boot_print_summary(times, "web", f);
                fputc('\n', f);
                boot_print_bars(times, f);
        }
        assert_int_equal(fclose(f), 0);
        return text;
}

/* No line is wider than a terminal of 80 columns. */
static void test_text(void **state) {
        BootTimes times = times_of_start();
        _cleanup_free_ char *text = print(&times, false);
        unsigned lines = 0;

        assert_non_null(strstr(text, ": ready after 11.0 s, first frame after 20.0 s\n"));
        assert_non_null(strstr(text, "\nhelper            0.30 s  █\n"));
        for (char *rest = text, *line; (line = strsep(&rest, "\n")); lines++) {
                unsigned columns = 0;

                for (; *line; line++)
                        columns += ((unsigned char) *line & 0xC0) != 0x80;
                assert_true(columns <= 80);
        }
        assert_int_equal(lines, 6);
}

static void test_outcomes(void **state) {
        BootTimes times = times_of_start();
        _cleanup_free_ char *starting = NULL, *failed = NULL;

        times.at[BOOT_READY] = times.at[BOOT_DRAWN] = 0;
        starting = print(&times, false);
        assert_non_null(strstr(starting, ": not ready yet\n"));
        times.failed = 103 * SEC;
        failed = print(&times, false);
        assert_non_null(strstr(failed, ": failed after 3.0 s\n"));
        assert_non_null(strstr(failed, "\nQEMU              2.50 s  "));
}

static unsigned count(const char *text, const char *word) {
        unsigned n = 0;

        for (; (text = strstr(text, word)); text++)
                n++;
        return n;
}

static void test_svg(void **state) {
        BootTimes times = times_of_start(), nothing = { .at = { [BOOT_BEGINS] = SEC } };
        _cleanup_free_ char *text = print(&times, true), *empty = print(&nothing, true);

        assert_int_equal(strncmp(text, "<svg ", strlen("<svg ")), 0);
        /* the background, and a bar a phase */
        assert_int_equal(count(text, "<rect "), 1 + 4);
        assert_int_equal(count(text, "<text "), count(text, "</text>"));
        assert_non_null(strstr(text, ">20 s</text>"));
        assert_non_null(strstr(empty, "</svg>"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_startup),
                cmocka_unit_test(test_phases),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_outcomes),
                cmocka_unit_test(test_svg),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
