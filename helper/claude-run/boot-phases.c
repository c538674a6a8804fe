#include "helper/claude-run/boot-phases.h"

#include <ctype.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/usec.h"
#include "helper/claude-run/local-time.h"

#define NAME_COLUMNS 15
#define BAR_COLUMNS 54U
#define SPAN_MAX (3600 * SEC) /* no start takes that long */

/* A phase begins with the event of its row. */
static const struct {
        const char *name, *colour;
} phases[N_BOOT_EVENTS] = {
        [BOOT_BEGINS] = { "network", "#8da0cb" },
        [BOOT_HELPER] = { "helper", "#66c2a5" },
        [BOOT_QEMU] = { "QEMU", "#fc8d62" },
        [BOOT_KERNEL] = { "kernel, initrd", "#e5c494" },
        [BOOT_USERSPACE] = { "guest's units", "#a6d854" },
        [BOOT_READY] = { "agent", "#e78ac3" },
};

/* --- what the guest says -------------------------------------------------------------------- */

/* Digits, and up to six behind a point, as µs of a unit. */
static uint64_t take_number(const char **p, uint64_t unit) {
        uint64_t value = 0, digit = unit;

        for (; isdigit((unsigned char) **p) && value < SPAN_MAX; (*p)++)
                value = 10 * value + (uint64_t) (**p - '0') * unit;
        if (**p != '.')
                return value;
        for ((*p)++; isdigit((unsigned char) **p); (*p)++)
                value += (uint64_t) (**p - '0') * (digit /= 10);
        return value;
}

/* How much one of what the number is a number of is; 0: nothing that is known. */
static uint64_t unit_of(const char *number, size_t *ret_length) {
        static const struct {
                const char *word;
                uint64_t usec;
        } units[] = { { "min", 60 * SEC }, { "ms", SEC / 1000 }, { "us", 1 }, { "s", SEC } };
        const char *word = number + strspn(number, "0123456789.");

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strncmp(word, units[i].word, strlen(units[i].word)) == 0) {
                        *ret_length = strlen(units[i].word);
                        return units[i].usec;
                }
        return 0;
}

/* "1min 2.345s", as systemd writes it. */
static bool take_span(const char **p, uint64_t *ret) {
        bool found = false;

        *ret = 0;
        while (isdigit((unsigned char) **p)) {
                size_t length = 0;
                uint64_t unit = unit_of(*p, &length);

                if (unit == 0)
                        return false;
                *ret += take_number(p, unit);
                if (*ret > SPAN_MAX)
                        return false;
                *p += length;
                if ((*p)[0] == ' ' && isdigit((unsigned char) (*p)[1]))
                        (*p)++;
                found = true;
        }
        return found;
}

static bool take_word(const char **p, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*p, word, n) != 0)
                return false;
        *p += n;
        return true;
}

void boot_times_take_startup(BootTimes *times, const char *line, uint64_t when) {
        const char *p = strstr(line, "Startup finished in ");
        uint64_t kernel, userspace, latest = times->at[BOOT_READY] > 0 ? times->at[BOOT_READY] : when;

        if (!p)
                return;
        p += strlen("Startup finished in ");
        if (!take_span(&p, &kernel) || !take_word(&p, " (kernel) + ") || !take_span(&p, &userspace) ||
                        !take_word(&p, " (userspace) = ") || kernel + userspace >= when ||
                        when - kernel - userspace < times->at[BOOT_QEMU] || when - userspace > latest)
                return;
        times->at[BOOT_USERSPACE] = when - userspace;
        times->at[BOOT_KERNEL] = times->at[BOOT_USERSPACE] - kernel;
}

/* --- phases --------------------------------------------------------------------------------- */

static bool is_known(const BootTimes *times, unsigned event, uint64_t last) {
        return times->at[event] > 0 && times->at[event] >= last;
}

unsigned boot_phases(const BootTimes *times, BootPhase ret[static N_BOOT_EVENTS]) {
        uint64_t begin = times->at[BOOT_BEGINS], last = begin;
        unsigned n = 0, open = BOOT_BEGINS;

        for (unsigned i = BOOT_HELPER; i < N_BOOT_EVENTS; i++) {
                if (!is_known(times, i, last))
                        continue;
                ret[n++] = (BootPhase) { phases[open].name, last - begin, times->at[i] - begin };
                last = times->at[i];
                open = i;
        }
        if (times->failed > last)
                ret[n++] = (BootPhase) { phases[open].name, last - begin, times->failed - begin };
        return n;
}

static uint64_t total_of(const BootPhase *list, unsigned n) {
        return n > 0 && list[n - 1].end > 0 ? list[n - 1].end : 1;
}

static double seconds(uint64_t usec) {
        return (double) usec / (double) SEC;
}

/* "ready after 6.2 s" and the like, what is known of it. */
static void print_outcome(const BootTimes *times, FILE *f) {
        uint64_t begin = times->at[BOOT_BEGINS];

        if (times->failed > 0)
                fprintf(f, "failed after %.1f s", seconds(times->failed - begin));
        else if (!is_known(times, BOOT_READY, begin))
                fputs("not ready yet", f);
        else
                fprintf(f, "ready after %.1f s", seconds(times->at[BOOT_READY] - begin));
        if (is_known(times, BOOT_DRAWN, begin))
                fprintf(f, ", first frame after %.1f s", seconds(times->at[BOOT_DRAWN] - begin));
}

void boot_print_summary(const BootTimes *times, const char *name, FILE *f) {
        char when[LOCAL_TIME_MAX];

        local_time_print(times->wall, LOCAL_MINUTE, when);
        fprintf(f, "VM '%s', started %s: ", name, when);
        print_outcome(times, f);
}

static void print_bar(const BootPhase *phase, uint64_t total, FILE *f) {
        unsigned begin = (unsigned) (phase->begin * BAR_COLUMNS / total),
                 end = (unsigned) (phase->end * BAR_COLUMNS / total);

        if (begin == BAR_COLUMNS)
                begin--;
        if (end == begin)
                end++;
        fprintf(f, "%*s", (int) begin, "");
        for (unsigned i = begin; i < end; i++)
                fputs("█", f);
}

void boot_print_bars(const BootTimes *times, FILE *f) {
        BootPhase list[N_BOOT_EVENTS];
        unsigned n = boot_phases(times, list);
        uint64_t total = total_of(list, n);

        for (unsigned i = 0; i < n; i++) {
                fprintf(f, "%-*s %6.2f s  ", NAME_COLUMNS, list[i].name,
                                seconds(list[i].end - list[i].begin));
                print_bar(&list[i], total, f);
                fputc('\n', f);
        }
}

/* --- the picture ---------------------------------------------------------------------------- */

enum { LEFT = 150, WIDTH = 700, TOP = 60, ROW = 28, RIGHT = 90, BOTTOM = 40 };

static double x_of(uint64_t usec, uint64_t total) {
        return LEFT + (double) usec * WIDTH / (double) total;
}

/* The distance of the lines of time: 1, 2 or 5 times a power of ten, so that there are at most ten. */
static uint64_t grid_of(uint64_t total) {
        static const uint64_t steps[] = { 1, 2, 5 };

        for (uint64_t power = SEC / 100;; power *= 10)
                for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                        if (total / (steps[i] * power) <= 10)
                                return steps[i] * power;
}

static void print_grid(uint64_t total, int bottom, FILE *f) {
        uint64_t grid = grid_of(total);

        for (uint64_t t = 0; t <= total; t += grid)
                fprintf(f,
                                "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n"
                                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\">%g s</text>\n",
                                x_of(t, total), TOP - 6, x_of(t, total), bottom, x_of(t, total), bottom + 18,
                                seconds(t));
}

static const char *colour_of(const char *name) {
        for (unsigned i = 0; i < N_BOOT_EVENTS; i++)
                if (phases[i].name == name)
                        return phases[i].colour;
        return "#999";
}

static void print_row(const BootPhase *phase, unsigned row, uint64_t total, FILE *f) {
        double begin = x_of(phase->begin, total), end = x_of(phase->end, total);
        int y = TOP + (int) row * ROW;

        fprintf(f,
                        "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n"
                        "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\" fill=\"%s\"/>\n"
                        "<text x=\"%.1f\" y=\"%d\" fill=\"#444\">%.2f s</text>\n",
                        LEFT - 12, y + 16, phase->name, begin, y, end - begin > 2 ? end - begin : 2, ROW - 6,
                        colour_of(phase->name), end + 6, y + 16, seconds(phase->end - phase->begin));
}

/* Names of VMs have no letter that XML would want escaped. */
void boot_print_svg(const BootTimes *times, const char *name, FILE *f) {
        BootPhase list[N_BOOT_EVENTS];
        unsigned n = boot_phases(times, list);
        uint64_t total = total_of(list, n);
        int bottom = TOP + (int) n * ROW, width = LEFT + WIDTH + RIGHT, height = bottom + BOTTOM;

        fprintf(f,
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
                        "font-family=\"sans-serif\" font-size=\"13\">\n"
                        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
                        "<text x=\"16\" y=\"30\" font-size=\"16\">",
                        width, height, width, height);
        boot_print_summary(times, name, f);
        fputs("</text>\n", f);
        print_grid(total, bottom, f);
        for (unsigned i = 0; i < n; i++)
                print_row(&list[i], i, total, f);
        fputs("</svg>\n", f);
}
