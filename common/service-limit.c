/* Values as systemd's parse_size(), parse_permyriad() and parse_time() read them (src/basic/parse-util.c,
 * percent-util.c and time-util.c), with the bounds of its load-fragment.c. */

#include "common/service-limit.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define INTEGER_END 0x1p64 /* of 64 bits */

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Reads digits, and a fraction behind a dot, and advances the text. False: there are none. */
static bool read_decimal(const char **text, double *ret) {
        const char *p = *text;
        double n = 0, place = 1;

        if (!is_digit(*p))
                return false;
        for (; is_digit(*p); p++)
                n = n * 10 + (*p - '0');
        if (*p == '.')
                for (p++; is_digit(*p); p++)
                        n += (*p - '0') * (place /= 10);
        *text = p;
        *ret = n;
        return true;
}

/* A zero at the front would be the sign of another base. */
static bool is_count(const char *text, double least, double most) {
        size_t digits = strspn(text, DIGITS);
        double n;

        return !text[digits] && (text[0] != '0' || digits == 1) && read_decimal(&text, &n) && n >= least &&
                        n <= most;
}

/* N% with two digits behind a dot at most; `most` in percent. */
static bool is_percentage(const char *text, double most) {
        size_t digits = strspn(text, DIGITS), n;
        double percent;

        if (text[0] == '0' && digits > 1)
                return false;
        n = text[digits] == '.' ? strspn(text + digits + 1, DIGITS) : 1;
        return n >= 1 && n <= 2 && read_decimal(&text, &percent) && strcmp(text, "%") == 0 && percent > 0 &&
                        percent <= most;
}

/* Bytes: one or more numbers, each with a smaller suffix than the one before it, like 1G512M. */
static bool is_bytes(const char *text, double least) {
        static const char suffixes[] = "EPTGMKB";
        const char *next = suffixes;
        double bytes = 0, n;

        do {
                const char *suffix;

                text += strspn(text, " ");
                if (!read_decimal(&text, &n))
                        return false;
                text += strspn(text, " ");
                suffix = *text ? strchr(next, *text++) : next + strlen(next) - 1;
                if (!suffix)
                        return false;
                bytes += n * (double) (1ULL << 10 * (strlen(suffix) - 1));
                next = suffix + 1;
        } while (*text);
        return bytes >= least && bytes < INTEGER_END;
}

static bool is_memory(const char *text) {
        return strcmp(text, "infinity") == 0 || is_percentage(text, 100) || is_bytes(text, 1);
}

/* Without swap is a limit, too. */
static bool is_swap(const char *text) {
        return is_memory(text) || is_bytes(text, 0) || strcmp(text, "0%") == 0;
}

static bool is_quota(const char *text) {
        return is_percentage(text, INT_MAX / 100);
}

static bool is_weight(const char *text) {
        return strcmp(text, "idle") == 0 || is_count(text, 1, 10000);
}

static bool is_tasks(const char *text) {
        return strcmp(text, "infinity") == 0 || is_percentage(text, 100) ||
                        is_count(text, 1, INTEGER_END / 2);
}

static bool is_nice(const char *text) {
        return text[0] == '-' ? is_count(text + 1, 0, 20) : is_count(text + (text[0] == '+'), 0, 19);
}

/* Reads the unit at the beginning of the text, and advances the text past it. Returns its length in
 * microseconds, or 0 if the text begins with no known unit. */
static double read_unit(const char **text) {
        static const struct {
                const char *names;
                double usec;
        } units[] = {
                { " us usec ", 1 },
                { " ms msec ", 1e3 },
                { " s sec second seconds ", 1e6 },
                { " m min minute minutes ", 60e6 },
                { " h hr hour hours ", 3600e6 },
                { " d day days ", 86400e6 },
                { " w week weeks ", 7 * 86400e6 },
                { " M month months ", 30.44 * 86400e6 },
                { " y year years ", 365.25 * 86400e6 },
        };
        size_t n = strspn(*text, LETTERS);
        char name[16] = " ";

        if (n > sizeof(name) - 3)
                return 0;
        memcpy(name + 1, *text, n);
        strcpy(name + 1 + n, " ");
        *text += n;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strstr(units[i].names, name))
                        return units[i].usec;
        return 0;
}

/* Numbers with units, like 1h 30min; seconds without one. */
static bool is_span(const char *text) {
        double total = 0, n;

        if (strcmp(text, "infinity") == 0)
                return true;
        do {
                const char *before;
                double usec;

                if (!read_decimal(&text, &n))
                        return false;
                before = text;
                text += strspn(text, " ");
                /* 1 30 is two numbers */
                usec = *text && (!is_digit(*text) || text == before) ? read_unit(&text) : 1e6;
                if (usec <= 0)
                        return false;
                total += n * usec;
                text += strspn(text, " ");
        } while (*text);
        return total < INTEGER_END;
}

static const struct {
        const char *key;
        bool (*is_valid)(const char *text);
        const char *what;
} limits[] = {
#define MEMORY "must be a size like 6G or 512M, a part of this machine's memory like 50%, or infinity"
        { "MemoryMax", is_memory, MEMORY },
        { "MemoryHigh", is_memory, MEMORY },
        { "MemorySwapMax", is_swap, MEMORY },
        { "CPUQuota", is_quota, "must be a percentage of one CPU, like 150%" },
        { "CPUWeight", is_weight, "must be a number from 1 to 10000, or idle" },
        { "TasksMax", is_tasks, "must be a number, a part of this machine's like 20%, or infinity" },
        { "Nice", is_nice, "must be a number from -20 to 19" },
#define SPAN "must be a time like 90s, 30min or 2h, or infinity"
        { "RuntimeMaxSec", is_span, SPAN },
        { "TimeoutStartSec", is_span, SPAN },
        { "TimeoutStopSec", is_span, SPAN },
};

const char *service_limit_refused(const char *key, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (strcmp(limits[i].key, key) == 0)
                        return limits[i].is_valid(value) ? NULL : limits[i].what;
        return "is not known";
}
