/* A guest may write its unit's STATUS= as well, so a text of this form may be a guest's. All that it can do
 * is draw a bar in the line of its own VM: the numbers are bounded, and the amount has none of its other
 * characters. */

#include "common/progress-status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#define DIGITS_MAX 8U /* of a number before its point */

static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };

unsigned progress_percent(uint64_t done, uint64_t total) {
        if (done >= total)
                return 100;
        /* without an overflow, and never 100 before the end */
        return total > UINT64_MAX / 100 ? (unsigned) (done / (total / 100 + 1))
                                        : (unsigned) (100 * done / total);
}

void progress_print_amount(uint64_t done, uint64_t total, char ret[static PROGRESS_AMOUNT_MAX]) {
        double divisor = 1024;
        size_t unit = 0;

        for (; (double) total / divisor >= 1000 && unit + 1 < ELEMENTSOF(units); unit++)
                divisor *= 1024;
        snprintf(ret, PROGRESS_AMOUNT_MAX, "%.1f of %.1f %s",
                        (double) (done < total ? done : total) / divisor, (double) total / divisor,
                        units[unit]);
}

void progress_status_print(
                const char *what, uint64_t done, uint64_t total, char ret[static PROGRESS_STATUS_MAX]) {
        char amount[PROGRESS_AMOUNT_MAX];

        progress_print_amount(done, total, amount);
        snprintf(ret, PROGRESS_STATUS_MAX, "%.*s: %u %% (%s)", (int) PROGRESS_WHAT_MAX, what,
                        progress_percent(done, total), amount);
}

/* The readers below move `s` behind what they have read, and return false if it is not there. */

static bool read_word(const char **s, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*s, word, n) != 0)
                return false;
        *s += n;
        return true;
}

/* At least one digit; no zero in front of another one. */
static bool read_digits(const char **s, size_t max) {
        size_t n = strspn(*s, "0123456789");

        if (n == 0 || n > max || (n > 1 && (*s)[0] == '0'))
                return false;
        *s += n;
        return true;
}

static bool read_percent(const char **s, unsigned *ret) {
        const char *start = *s;
        unsigned value = 0;

        if (!read_digits(s, 3))
                return false;
        for (; start < *s; start++)
                value = value * 10 + (unsigned) (*start - '0');
        *ret = value;
        return value <= 100;
}

static bool read_decimal(const char **s) {
        return read_digits(s, DIGITS_MAX) && read_word(s, ".") && read_digits(s, 1);
}

static bool read_unit(const char **s) {
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (read_word(s, units[i]))
                        return true;
        return false;
}

/* What comes after WHAT. */
static bool read_rest(const char *s, ProgressStatus *status) {
        const char *amount;

        if (!read_word(&s, ": ") || !read_percent(&s, &status->percent) || !read_word(&s, " % ("))
                return false;
        amount = s;
        if (!read_decimal(&s) || !read_word(&s, " of ") || !read_decimal(&s) || !read_word(&s, " ") ||
                        !read_unit(&s) || strcmp(s, ")") != 0)
                return false;
        snprintf(status->amount, sizeof(status->amount), "%.*s", (int) (s - amount), amount);
        return true;
}

int progress_status_parse(const char *text, ProgressStatus *ret) {
        ProgressStatus status = { .what_size = strcspn(text, ":") };

        if (status.what_size == 0 || status.what_size > PROGRESS_WHAT_MAX ||
                        !read_rest(text + status.what_size, &status))
                return -EINVAL;
        *ret = status;
        return 0;
}
