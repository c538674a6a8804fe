#include "common/settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/agents-table.h"
#include "common/cleanup.h"
#include "common/obeyed-names.h"
#include "common/service-limit.h"
#include "common/sha256.h"
#include "common/vm-name.h"
#include "config.h"

#define ROW(name, s, k, t, r, f, b, l, o, v, h)                                                             \
        [SETTING_##name] = {                                                                                \
                .section = s,                                                                               \
                .key = k,                                                                                   \
                .type = TYPE_##t,                                                                           \
                .range = r,                                                                                 \
                .fallback = f,                                                                              \
                .becomes = BECOMES_##b,                                                                     \
                .variable = "CLAUDE_VM_" #name,                                                             \
                .letter = l,                                                                                \
                .option = o,                                                                                \
                .value_name = v,                                                                            \
                .help = h,                                                                                  \
        },

const Setting settings[N_SETTINGS] = { SETTINGS(ROW) };

typedef char Value[SETTING_VALUE_MAX];
typedef char Why[SETTING_WHY_MAX];

size_t setting_next_word(const char **words) {
        *words += strspn(*words, " ");
        return strcspn(*words, " ");
}

bool setting_has_word(const char *words, const char *word) {
        size_t n;

        for (; (n = setting_next_word(&words)) > 0; words += n)
                if (strlen(word) == n && memcmp(words, word, n) == 0)
                        return true;
        return false;
}

static int check_word(const Setting *s, const char *value, char *ret_why) {
        if (setting_has_word(s->range, value))
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be one of: %s", s->range + strspn(s->range, " "));
        return -EINVAL;
}

static int check_boolean(const Setting *s, const char *value, char *ret_why) {
        if (strcmp(s->range, "no yes") != 0 || setting_has_word(s->range, value))
                return check_word(s, value, ret_why);
        snprintf(ret_why, SETTING_WHY_MAX, "must be yes or no");
        return -EINVAL;
}

/* Digits alone, and what follows them. */
static int read_digits(const char *text, uint64_t *ret, const char **ret_rest) {
        char *end;
        unsigned long long n;

        if (text[0] < '0' || text[0] > '9')
                return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        if (errno != 0)
                return -EINVAL;
        *ret = n;
        *ret_rest = end;
        return 0;
}

static int read_number(const char *text, uint64_t *ret) {
        const char *rest;
        uint64_t n;
        int r = read_digits(text, &n, &rest);

        if (r < 0 || *rest != '\0')
                return -EINVAL;
        *ret = n;
        return 0;
}

/* 4G, 512M are systemd's spelling; the result is in MiB. */
static int read_memory(const char *text, uint64_t *ret) {
        static const char suffixes[] = "KMGT";
        const char *rest, *suffix;
        unsigned shift;
        uint64_t n;

        if (read_digits(text, &n, &rest) < 0 || !*rest)
                return -EINVAL;
        suffix = strchr(suffixes, *rest);
        if (!suffix || rest[1] != '\0')
                return -EINVAL;
        shift = 10 * (unsigned) (suffix - suffixes);
        *ret = n > UINT64_MAX >> shift ? UINT64_MAX >> 10 : (n << shift) >> 10;
        return 0;
}

/* The two ends of a range, as they are spelled in the row. */
static void split_range(const Setting *s, Value ret_min, Value ret_max) {
        if (sscanf(s->range, "%31s %31s", ret_min, ret_max) != 2)
                abort();
}

static int check_number(const Setting *s, const char *value, char *ret_why) {
        uint64_t n, least, most;
        Value min, max;

        split_range(s, min, max);
        if (read_number(min, &least) < 0 || read_number(max, &most) < 0)
                abort();
        if (read_number(value, &n) >= 0 && n >= least && n <= most)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be a number from %s to %s", min, max);
        return -EINVAL;
}

static int check_memory_mib(const Setting *s, uint64_t mib, char *ret_why) {
        uint64_t least, most;
        Value min, max;

        split_range(s, min, max);
        if (read_memory(min, &least) < 0 || read_memory(max, &most) < 0)
                abort();
        if (mib >= least && mib <= most)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be between %s and %s", min, max);
        return -EINVAL;
}

static int check_memory(const Setting *s, const char *value, char *ret_why) {
        uint64_t mib;

        if (read_number(value, &mib) >= 0)
                return check_memory_mib(s, mib, ret_why);
        snprintf(ret_why, SETTING_WHY_MAX, "must be a number of MiB");
        return -EINVAL;
}

/* 30min, 2h, 90s are systemd's spelling. */
static int read_seconds(const char *text, uint64_t *ret) {
        static const struct {
                const char *name;
                unsigned seconds;
        } units[] = { { "s", 1 }, { "min", 60 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
        const char *rest;
        uint64_t n;

        if (read_digits(text, &n, &rest) < 0 || n > UINT32_MAX)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strcmp(rest, units[i].name) == 0) {
                        *ret = n * units[i].seconds;
                        return 0;
                }
        return -EINVAL;
}

/* 0: never. */
static int check_idle_seconds(const Setting *s, uint64_t seconds, char *ret_why) {
        uint64_t least, most;
        Value min, max;

        split_range(s, min, max);
        if (read_seconds(min, &least) < 0 || read_seconds(max, &most) < 0)
                abort();
        if (seconds == 0 || (seconds >= least && seconds <= most))
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be between suspend:%s and suspend:%s", min, max);
        return -EINVAL;
}

static int check_idle(const Setting *s, const char *value, char *ret_why) {
        uint64_t seconds;

        if (read_number(value, &seconds) >= 0)
                return check_idle_seconds(s, seconds, ret_why);
        snprintf(ret_why, SETTING_WHY_MAX, "must be a number of seconds");
        return -EINVAL;
}

static int check_disk(const Setting *s, const char *value, char *ret_why) {
        return strcmp(value, "0") == 0 ? 0 : check_memory(s, value, ret_why);
}

static int check_guest(const Setting *s, const char *value, char *ret_why) {
        if (value[0] == '/' || vm_name_is_project(value))
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be a name or an absolute directory");
        return -EINVAL;
}

static int check_directory(const Setting *s, const char *value, char *ret_why) {
        if (value[0] == '/')
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "must be an absolute directory");
        return -EINVAL;
}

static int check_protect(const Setting *s, const char *value, char *ret_why) {
        const char *why = protect_refused(value);

        if (!why)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "%s", why);
        return -EINVAL;
}

static int check_private(const Setting *s, const char *value, char *ret_why) {
        const char *why = private_refused(value);

        if (!why)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "%s", why);
        return -EINVAL;
}

static int check_script(const Setting *s, const char *value, char *ret_why) {
        if (strchr(value, '\t'))
                snprintf(ret_why, SETTING_WHY_MAX, "must not contain a tab: rename the script");
        else if (path_is_below(value, strlen(value)))
                return 0;
        else
                snprintf(ret_why, SETTING_WHY_MAX,
                                "must be a script below the work directory, like: scripts/setup");
        return -EINVAL;
}

static int check_hash(const Setting *s, const char *value, char *ret_why) {
        static const char begin[] = "sha256:";

        if (strncmp(value, begin, strlen(begin)) == 0 && sha256_is(value + strlen(begin)))
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX,
                        "must be sha256: and 64 digits in lower case, as claude-vm-mkguest --verify says");
        return -EINVAL;
}

static int check_directive(const Setting *s, const char *value, char *ret_why) {
        const char *why = service_limit_refused(s->key, value);

        if (!why)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "%s", why);
        return -EINVAL;
}

typedef int (*checker)(const Setting *s, const char *value, char *ret_why);

static const checker checkers[N_TYPES] = {
        [TYPE_WORD] = check_word,
        [TYPE_NUMBER] = check_number,
        [TYPE_MEMORY] = check_memory,
        [TYPE_BOOLEAN] = check_boolean,
        [TYPE_IDLE] = check_idle,
        [TYPE_DISK] = check_disk,
        [TYPE_GUEST] = check_guest,
        [TYPE_DIRECTORY] = check_directory,
        [TYPE_PROTECT] = check_protect,
        [TYPE_PRIVATE] = check_private,
        [TYPE_SCRIPT] = check_script,
        [TYPE_HASH] = check_hash,
        [TYPE_DIRECTIVE] = check_directive,
};

int setting_check(const Setting *s, const char *value, char ret_why[static SETTING_WHY_MAX]) {
        return checkers[s->type] ? checkers[s->type](s, value, ret_why) : 0;
}

/* A user who writes 8, 8GB, 8g or 8GiB means 8G. */
static int refuse_memory(const char *text, Why ret_why) {
        int digits = (int) strspn(text, "0123456789");
        char unit = (char) toupper((unsigned char) text[digits]);

        if (digits == 0 || unit == '\0' || !strchr("KMGT", unit))
                unit = 'G';
        snprintf(ret_why, SETTING_WHY_MAX, "must be a number with K, M, G or T, like %.*s%c",
                        digits > 0 ? digits : 1, digits > 0 ? text : "4", unit);
        return -EINVAL;
}

static int parse_memory(const Setting *s, const char *text, Value ret, Why ret_why) {
        uint64_t mib;
        int r;

        if (read_memory(text, &mib) < 0)
                return refuse_memory(text, ret_why);
        r = check_memory_mib(s, mib, ret_why);
        if (r >= 0)
                snprintf(ret, SETTING_VALUE_MAX, "%" PRIu64, mib);
        return r;
}

/* 007 is 7. */
static int parse_number(const Setting *s, const char *text, Value ret, Why ret_why) {
        uint64_t n;
        int r = check_number(s, text, ret_why);

        if (r >= 0 && read_number(text, &n) >= 0)
                snprintf(ret, SETTING_VALUE_MAX, "%" PRIu64, n);
        return r;
}

static int parse_boolean(const Setting *s, const char *text, Value ret, Why ret_why) {
        const char *canonical = setting_has_word("no false off 0", text) ? "no"
                        : setting_has_word("yes true on 1", text)        ? "yes"
                                                                         : text;
        int r = check_boolean(s, canonical, ret_why);

        if (r >= 0)
                snprintf(ret, SETTING_VALUE_MAX, "%s", canonical);
        return r;
}

static int parse_disk(const Setting *s, const char *text, Value ret, Why ret_why) {
        Why why;

        if (setting_has_word("no false off 0", text)) {
                snprintf(ret, SETTING_VALUE_MAX, "0");
                return 0;
        }
        if (parse_memory(s, text, ret, why) >= 0)
                return 0;
        snprintf(ret_why, SETTING_WHY_MAX, "%.100s, or no", why);
        return -EINVAL;
}

static int parse_word(const Setting *s, const char *text, Value ret, Why ret_why) {
        int r = check_word(s, text, ret_why);

        if (r >= 0)
                snprintf(ret, SETTING_VALUE_MAX, "%s", text);
        return r;
}

static int parse_idle(const Setting *s, const char *text, Value ret, Why ret_why) {
        static const char suspend[] = "suspend:";
        uint64_t seconds = 0;
        int r;

        if (!setting_has_word("no false off 0", text) &&
                        (strncmp(text, suspend, strlen(suspend)) != 0 ||
                                        read_seconds(text + strlen(suspend), &seconds) < 0 ||
                                        seconds == 0)) {
                snprintf(ret_why, SETTING_WHY_MAX, "must be no, or suspend: and a time, like suspend:30min");
                return -EINVAL;
        }
        r = check_idle_seconds(s, seconds, ret_why);
        if (r >= 0)
                snprintf(ret, SETTING_VALUE_MAX, "%" PRIu64, seconds);
        return r;
}

int setting_parse(const Setting *s, const char *text, char ret[static SETTING_VALUE_MAX],
                char ret_why[static SETTING_WHY_MAX]) {
        static int (*const parsers[])(const Setting *s, const char *text, Value ret, Why ret_why) = {
                [TYPE_WORD] = parse_word,
                [TYPE_NUMBER] = parse_number,
                [TYPE_MEMORY] = parse_memory,
                [TYPE_BOOLEAN] = parse_boolean,
                [TYPE_IDLE] = parse_idle,
                [TYPE_DISK] = parse_disk,
        };

        if (s->type >= ELEMENTSOF(parsers))
                abort();
        return parsers[s->type](s, text, ret, ret_why);
}

bool setting_is_list(const Setting *s) {
        return s->type >= TYPE_ARGUMENTS;
}

bool setting_is_project_only(const Setting *s) {
        return s->type == TYPE_UUID || s->type == TYPE_WANTED || s->type == TYPE_DISK;
}

bool setting_is_for_all(const Setting *s) {
        return s->type != TYPE_DIRECTORY && s->type != TYPE_HIDDEN && s->type != TYPE_UUID &&
                        s->type != TYPE_WANTED;
}

bool setting_is_live_limit(const Setting *s) {
        return s->becomes == BECOMES_DIRECTIVE &&
                        setting_has_word("MemoryMax MemoryHigh MemorySwapMax CPUQuota CPUWeight TasksMax",
                                        s->key);
}

SettingId setting_find(const char *section, const char *key) {
        SettingId id = 0;

        while (id < N_SETTINGS &&
                        (strcmp(settings[id].section, section) != 0 || strcmp(settings[id].key, key) != 0))
                id++;
        return id;
}

const char *setting_value(char *const values[static N_SETTINGS], SettingId id) {
        return values[id] ?: settings[id].fallback;
}

bool setting_is(char *const values[static N_SETTINGS], SettingId id, const char *word) {
        const char *value = setting_value(values, id);

        return value && strcmp(value, word) == 0;
}

uint64_t setting_number(char *const values[static N_SETTINGS], SettingId id) {
        Value value;
        uint64_t n = 0;
        Why why;

        /* both have been checked: the value by setting_parse() or setting_check(), the default by a test */
        if (values[id])
                (void) read_number(values[id], &n);
        else if (setting_parse(&settings[id], settings[id].fallback, value, why) >= 0)
                (void) read_number(value, &n);
        return n;
}
