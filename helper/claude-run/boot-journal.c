/* From its end back to where systemd began with the VM's network. Words of the guest are told from those of
 * the helper by the identifier, which the helper gives them. */

#include "helper/claude-run/boot-journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-messages.h>

#include "common/cleanup.h"
#include "common/strjoin.h"

#define ENTRIES_MAX 50000U

DEFINE_CLEANUP(sd_journal *, sd_journal_close, journal_cleanup)

typedef struct Reader {
        sd_journal *journal;
        char *network, *vm, *share; /* names of units */
        BootTimes *times;
        char startup[256]; /* what the guest's systemd said of its start; empty: nothing yet */
        uint64_t startup_when;
} Reader;

static void reader_done(Reader *r) {
        free(r->network);
        free(r->vm);
        free(r->share);
        journal_cleanup(&r->journal);
}

/* A field of this entry, cut to what fits; empty if it has none. */
static void read_field(const Reader *r, const char *name, char *ret, size_t size) {
        size_t n = strlen(name) + 1, length;
        const void *data;

        ret[0] = '\0';
        if (sd_journal_get_data(r->journal, name, &data, &length) < 0 || length < n)
                return;
        length -= n;
        if (length >= size)
                length = size - 1;
        memcpy(ret, (const char *) data + n, length);
        ret[length] = '\0';
}

static int add_unit(sd_journal *journal, const char *field, const char *unit) {
        _cleanup_free_ char *match = strjoin(field, "=", unit, NULL);

        return match ? sd_journal_add_match(journal, match, 0) : -ENOMEM;
}

static int open_journal(Reader *r, const char *id) {
        int error;

        r->network = strjoin("claude-vm-net@", id, ".service", NULL);
        r->vm = strjoin("claude-vm@", id, ".service", NULL);
        r->share = strjoin("claude-vm-virtiofsd@", id, ":work.service", NULL);
        if (!r->network || !r->vm || !r->share)
                return -ENOMEM;
        error = sd_journal_open(&r->journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_CURRENT_USER);
        if (error >= 0)
                error = add_unit(r->journal, "USER_UNIT", r->network);
        if (error >= 0)
                error = add_unit(r->journal, "USER_UNIT", r->vm);
        if (error >= 0)
                error = add_unit(r->journal, "USER_UNIT", r->share);
        if (error >= 0)
                error = sd_journal_add_disjunction(r->journal);
        if (error >= 0)
                error = add_unit(r->journal, "_SYSTEMD_USER_UNIT", r->vm);
        return error < 0 ? error : sd_journal_seek_tail(r->journal);
}

/* What systemd says of a unit. True at the beginning of the start. */
static bool take_unit(Reader *r, const char *message_id, uint64_t when) {
        BootTimes *times = r->times;
        char unit[320];

        read_field(r, "USER_UNIT", unit, sizeof(unit));
        if (strcmp(message_id, SD_MESSAGE_UNIT_FAILED_STR) == 0 && strcmp(unit, r->vm) == 0)
                times->failed = when;
        if (strcmp(message_id, SD_MESSAGE_UNIT_STARTING_STR) != 0)
                return false;
        if (strcmp(unit, r->share) == 0)
                times->at[BOOT_QEMU] = when;
        else if (strcmp(unit, r->vm) == 0)
                times->at[BOOT_HELPER] = when;
        if (strcmp(unit, r->network) != 0)
                return false;
        times->at[BOOT_BEGINS] = when;
        return sd_journal_get_realtime_usec(r->journal, &times->wall) >= 0;
}

static void take_words(Reader *r, uint64_t when) {
        char who[32], words[256];

        read_field(r, "SYSLOG_IDENTIFIER", who, sizeof(who));
        read_field(r, "MESSAGE", words, sizeof(words));
        if (strcmp(who, "claude-vm-guest") == 0 && strstr(words, "Startup finished in ")) {
                strcpy(r->startup, words);
                r->startup_when = when;
        }
        if (strcmp(who, "claude-vm-helper") != 0)
                return;
        if (strcmp(words, "The guest is ready") == 0 || strcmp(words, "The guest is back") == 0)
                r->times->at[BOOT_READY] = when;
        else if (strcmp(words, "The agent has drawn its first frame") == 0)
                r->times->at[BOOT_DRAWN] = when;
}

/* True at the beginning of the start. */
static bool take_entry(Reader *r) {
        char message_id[64];
        sd_id128_t boot;
        uint64_t when;

        if (sd_journal_get_monotonic_usec(r->journal, &when, &boot) < 0)
                return false;
        read_field(r, "MESSAGE_ID", message_id, sizeof(message_id));
        if (message_id[0])
                return take_unit(r, message_id, when);
        take_words(r, when);
        return false;
}

int boot_journal_read(const char *id, BootTimes *ret) {
        BootTimes times = {};
        _cleanup_(reader_done) Reader r = { .times = &times };
        int error = open_journal(&r, id);

        for (unsigned i = 0; error >= 0 && i < ENTRIES_MAX; i++) {
                error = sd_journal_previous(r.journal);
                if (error <= 0 || take_entry(&r))
                        break;
        }
        if (error < 0)
                return error;
        if (times.at[BOOT_BEGINS] == 0)
                return -ENODATA;
        boot_times_take_startup(&times, r.startup, r.startup_when);
        /* a VM that failed after READY has started */
        if (times.at[BOOT_READY] > 0)
                times.failed = 0;
        *ret = times;
        return 0;
}
