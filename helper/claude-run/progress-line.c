/* What does not fit is left out: first the amount, then the bar, then the time, and at last the end of what
 * is being done. No line is wider than its terminal.
 *
 * A terminal that becomes narrower wraps what is there, or cuts it. Nobody can tell which, so only the row
 * of the cursor is cleared: a rest of our line is better than a lost line of the user's. */

#include "helper/claude-run/progress-line.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/usec.h"

#define COLUMNS_DEFAULT 80U
#define REDRAW_USEC (SEC / 10)
#define BAR_CELLS_MIN 8U
#define BAR_CELLS_MAX 30U
#define BAR_EDGES 3U /* two brackets and a blank */
#define TAIL_MAX 96U
#define HEAD_MAX 1024U
#define CLEAR "\r\033[K"

/* --- text ------------------------------------------------------------------------------- */

/* Puts `?` for each character that a terminal without UTF-8 does not know. */
static void make_ascii(char *s) {
        char *to = s;
        const char *why;

        for (size_t size = strlen(s), n; size > 0; s += n, size -= n) {
                n = printable_next(s, size, &why);
                *to++ = (char) (n > 1 ? '?' : *s);
        }
        *to = '\0';
}

/* NAME: WHAT, clean, cut to the columns. */
static unsigned print_head(const ProgressMoment *m, unsigned columns, bool utf8, char ret[static HEAD_MAX]) {
        char text[HEAD_MAX];
        unsigned used;
        size_t n;

        snprintf(text, sizeof(text), "%s: %s", m->name, m->what);
        printable_clean(text);
        if (!utf8)
                make_ascii(text);
        n = printable_fit(text, columns, &used);
        memcpy(ret, text, n);
        ret[n] = '\0';
        return used;
}

/* --- the parts -------------------------------------------------------------------------- */

typedef enum Detail { DETAIL_ALL, DETAIL_SHORT, DETAIL_LEAST } Detail;

/* What stands behind the bar. */
static void print_tail(const ProgressMoment *m, Detail detail, bool utf8, char ret[static TAIL_MAX]) {
        unsigned long long seconds = m->seconds;

        ret[0] = '\0';
        if (!m->has_total && detail != DETAIL_LEAST)
                snprintf(ret, TAIL_MAX, "%s %llu s", utf8 ? "…" : "...", seconds);
        else if (m->has_total && detail == DETAIL_ALL)
                snprintf(ret, TAIL_MAX, "%u %% %.*s, %llu s", m->percent, (int) PROGRESS_AMOUNT_MAX,
                                m->amount, seconds);
        else if (m->has_total && detail == DETAIL_SHORT)
                snprintf(ret, TAIL_MAX, "%u %%, %llu s", m->percent, seconds);
        else if (m->has_total)
                snprintf(ret, TAIL_MAX, "%u %%", m->percent);
}

/* `[###...] `, or nothing where it would be too short to tell. */
static void print_bar(unsigned percent, unsigned columns, char ret[static BAR_CELLS_MAX + BAR_EDGES + 1]) {
        unsigned cells, full;

        ret[0] = '\0';
        if (columns < BAR_CELLS_MIN + BAR_EDGES)
                return;
        cells = columns > BAR_CELLS_MAX + BAR_EDGES ? BAR_CELLS_MAX : columns - BAR_EDGES;
        full = cells * percent / 100;
        ret[0] = '[';
        memset(ret + 1, '#', full);
        memset(ret + 1 + full, '.', cells - full);
        strcpy(ret + 1 + cells, "] ");
}

static unsigned columns_of(const char *text) {
        unsigned columns;

        (void) printable_fit(text, UINT32_MAX - 2, &columns);
        return columns;
}

void progress_line_print(const ProgressMoment *moment, unsigned columns, bool utf8,
                char ret[static PROGRESS_LINE_MAX]) {
        char head[HEAD_MAX], tail[TAIL_MAX], bar[BAR_CELLS_MAX + BAR_EDGES + 1] = "";
        unsigned room = columns > 1 ? columns - 1 : 0, used = print_head(moment, room, utf8, head), rest;
        Detail detail = DETAIL_ALL;

        for (;; detail++) {
                print_tail(moment, detail, utf8, tail);
                rest = columns_of(tail);
                /* the amount only beside a bar */
                if (detail == DETAIL_ALL && moment->has_total)
                        rest += BAR_CELLS_MIN + BAR_EDGES;
                if (used + 1 + rest <= room || detail == DETAIL_LEAST)
                        break;
        }
        rest = columns_of(tail);
        /* nothing shorter is left, so what is being done loses its end */
        if (rest > 0 && used + 1 + rest > room)
                used = print_head(moment, rest + 1 < room ? room - rest - 1 : 0, utf8, head);
        if (moment->has_total && used + 1 + rest < room)
                print_bar(moment->percent, room - used - 1 - rest, bar);
        /* the shortest one is ASCII */
        if (rest > room)
                tail[room] = '\0';
        snprintf(ret, PROGRESS_LINE_MAX, "%s%s%s%s", head, used > 0 && tail[0] ? " " : "", bar, tail);
}

/* --- the terminal ----------------------------------------------------------------------- */

/* Asked each time: the user may resize it. */
static unsigned terminal_columns(void) {
        struct winsize size = {};

        return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0 ? size.ws_col
                                                                               : COLUMNS_DEFAULT;
}

/* claude-run itself stays in the locale C, in which it prints numbers. */
static bool terminal_has_utf8(void) {
        locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t) 0);
        bool utf8 = locale != (locale_t) 0 && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;

        if (locale != (locale_t) 0)
                freelocale(locale);
        return utf8;
}

/* True if it is time for another one, whose seconds are then set. */
static bool is_due(ProgressLine *line, ProgressMoment *moment) {
        uint64_t now = usec_now(CLOCK_MONOTONIC);

        if (!isatty(STDERR_FILENO) || (line->is_drawn && now - line->drawn_usec < REDRAW_USEC))
                return false;
        if (line->begun_usec == 0)
                line->begun_usec = now;
        line->drawn_usec = now;
        moment->seconds = (now - line->begun_usec) / SEC;
        return true;
}

static void draw(ProgressLine *line, ProgressMoment *moment) {
        char text[PROGRESS_LINE_MAX];

        if (!is_due(line, moment))
                return;
        progress_line_print(moment, terminal_columns(), terminal_has_utf8(), text);
        fprintf(stderr, CLEAR "%s", text);
        fflush(stderr);
        line->is_drawn = true;
}

void progress_line_draw(
                ProgressLine *line, const char *name, const char *what, uint64_t done, uint64_t total) {
        char amount[PROGRESS_AMOUNT_MAX];
        ProgressMoment moment = { .name = name, .what = what, .has_total = true, .amount = amount };

        progress_print_amount(done, total, amount);
        moment.percent = progress_percent(done, total);
        draw(line, &moment);
}

void progress_line_draw_status(ProgressLine *line, const char *name, const char *status) {
        char what[PROGRESS_WHAT_MAX + 1];
        ProgressStatus parsed;
        ProgressMoment moment = { .name = name, .what = status };

        if (progress_status_parse(status, &parsed) >= 0) {
                snprintf(what, sizeof(what), "%.*s", (int) parsed.what_size, status);
                moment.what = what;
                moment.has_total = true;
                moment.percent = parsed.percent;
                moment.amount = parsed.amount;
        }
        draw(line, &moment);
}

void progress_line_end(ProgressLine *line) {
        if (line->is_drawn)
                fputs(CLEAR, stderr);
        *line = (ProgressLine) {};
}
