/* boot: where the time of a VM's last start went, as bars, as JSON or as a picture. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "helper/claude-run/boot-journal.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/json.h"

static int build_phases(const BootTimes *times, sd_json_variant **ret) {
        BootPhase list[N_BOOT_EVENTS];
        unsigned n = boot_phases(times, list);
        int r = sd_json_variant_new_array(ret, NULL, 0);

        for (unsigned i = 0; r >= 0 && i < n; i++) {
                _cleanup_json_ sd_json_variant *phase = NULL;

                r = sd_json_buildo(&phase, SD_JSON_BUILD_PAIR_STRING("name", list[i].name),
                                SD_JSON_BUILD_PAIR_UNSIGNED("beginUSec", list[i].begin),
                                SD_JSON_BUILD_PAIR_UNSIGNED("endUSec", list[i].end));
                if (r >= 0)
                        r = sd_json_variant_append_array(ret, phase);
        }
        return r;
}

/* Microseconds since the start; null if it has not come to that. */
static int set_time(sd_json_variant **object, const char *field, const BootTimes *times, uint64_t when) {
        if (when == 0)
                return sd_json_variant_set_field(object, field, NULL);
        return sd_json_variant_set_field_unsigned(object, field, when - times->at[BOOT_BEGINS]);
}

static int print_json(const BootTimes *times, const char *id) {
        _cleanup_json_ sd_json_variant *object = NULL, *list = NULL;
        int r = build_phases(times, &list);

        if (r >= 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", id),
                                SD_JSON_BUILD_PAIR_UNSIGNED("startedUSec", times->wall),
                                SD_JSON_BUILD_PAIR_VARIANT("phases", list));
        if (r >= 0)
                r = set_time(&object, "readyUSec", times, times->at[BOOT_READY]);
        if (r >= 0)
                r = set_time(&object, "firstFrameUSec", times, times->at[BOOT_DRAWN]);
        if (r >= 0)
                r = set_time(&object, "failedUSec", times, times->failed);
        if (r >= 0)
                r = sd_json_variant_dump(object, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to print the start of '%s': %s", id, strerror(-r)) : 0;
}

static int write_svg(const BootTimes *times, const char *id, const char *path) {
        FILE *f = fopen(path, "we");
        bool broken;

        if (!f)
                return fail(EXIT_FAILURE, "Failed to write '%s': %s", path, strerror(errno));
        boot_print_svg(times, id, f);
        broken = ferror(f);
        if (fclose(f) != 0 || broken)
                return fail(EXIT_FAILURE, "Failed to write '%s': %s", path, strerror(errno));
        return 0;
}

static int show(const Context *c, const BootTimes *times, const char *id) {
        if (c->options->svg)
                return write_svg(times, id, c->options->svg);
        if (c->options->json)
                return print_json(times, id);
        boot_print_summary(times, id, stdout);
        fputs("\n\n", stdout);
        boot_print_bars(times, stdout);
        return 0;
}

int verb_boot(Context *c) {
        _cleanup_free_ char *id = NULL;
        BootTimes times;
        int r = which_vm_or_last(c, &id), error;

        if (r != 0)
                return r;
        error = boot_journal_read(id, &times);
        if (error == -ENODATA)
                return fail(EXIT_CONFIGURATION,
                                "the journal does not mention a start of VM '%s'; to start it: claude-run start %s",
                                id, id);
        if (error < 0)
                return fail(EXIT_FAILURE, "Failed to read the journal: %s", strerror(-error));
        return show(c, &times, id);
}
