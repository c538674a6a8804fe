/* systemd removes the runtime directory. This removes what belongs
 * to a VM but lies elsewhere: the request of an ad-hoc one and the drop-ins made from
 * it. Exact names only, and unlink() follows no link. */

#include "helper/gc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/changes/changes.h"
#include "helper/host/manager.h"
#include "helper/host/unit-needs.h"
#include "helper/log.h"
#include "helper/request/files.h"
#include "helper/suspend/state.h"

#define RELOAD_LIMIT (10 * SEC)

/* Says what systemd did to the unit; NULL where the helper has said more itself. At a time limit
 * systemd asks the helper first, which ends the VM in good order. */
static const char *reason_of(const char *result, const char *code) {
        static const struct {
                const char *result, *code, *reason;
        } reasons[] = {
                { "signal", NULL, "The helper was killed; QEMU ended with it" },
                { "core-dump", NULL, "The helper crashed; QEMU ended with it" },
                { "oom-kill", NULL,
                                "Out of memory: the VM was killed; MemoryMax= of its ini, that of app-claude.slice, or the machine has too little for it" },
                { "timeout", "exited",
                                "The VM was stopped at its time limit: RuntimeMaxSec=, or TimeoutStartSec= if it was not ready" },
                { "timeout", NULL, "The VM did not end within TimeoutStopSec= and was killed" },
        };

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (strcmp(reasons[i].result, result) == 0 &&
                                (!reasons[i].code || strcmp(reasons[i].code, code) == 0))
                        return reasons[i].reason;
        return NULL;
}

static void explain(void) {
        const char *result = getenv("SERVICE_RESULT") ?: "", *status = getenv("EXIT_STATUS") ?: "?";
        const char *reason = reason_of(result, getenv("EXIT_CODE") ?: "");

        if (!reason)
                return;
        sd_notifyf(0, "STATUS=%s (%s, %s)", reason, result, status);
        log_message(LOG_NOTICE, "%s (%s, %s)", reason, result, status);
}

/* Here and not in `run`, because this comes also after a helper that was killed. */
static void tell_changes(const char *runtime_dir, const char *id) {
        _cleanup_findings_ Findings changes = {};
        _cleanup_free_ char *sentence = NULL;
        int r = changes_end(runtime_dir, id, &changes);

        /* without a snapshot no guest has run */
        if (r < 0 && r != -ENOENT)
                log_message(LOG_WARNING, "Failed to find out what the VM has changed: %s", strerror(-r));
        if (r < 0 || changes_count(&changes) == 0)
                return;
        sentence = changes_sentence(&changes);
        log_message(LOG_NOTICE, "%s. Look first: claude-run changes %s", sentence ?: "", id);
}

/* What `claude-run set` has changed holds until the VM ends; the next start has what its ini says. systemd
 * keeps it in files of one name a property. True if there was one. */
static bool remove_limits(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *dir =
                        strjoin(runtime_dir, "/systemd/user.control/claude-vm@", id, ".service.d", NULL);
        bool removed = false;

        for (size_t i = 0; dir && i < N_SETTINGS; i++) {
                _cleanup_free_ char *path = setting_is_live_limit(&settings[i])
                                ? strjoin(dir, "/50-", settings[i].key, ".conf", NULL)
                                : NULL;

                if (path && unlink(path) == 0)
                        removed = true;
        }
        if (dir)
                rmdir(dir);
        return removed;
}

/* A unit that stays loaded, because it starts again or has failed, keeps the limits otherwise. systemd does
 * not wait for this program while it reloads, and the limit is far below TimeoutStopSec=. */
static void forget_limits(void) {
        int r = manager_reload_within(RELOAD_LIMIT);

        if (r < 0)
                log_message(LOG_WARNING,
                                "systemd may keep what claude-run set has changed until a daemon-reload: %s",
                                strerror(-r));
}

int gc_run(const char *runtime_dir, const char *state_dir, const char *id) {
        bool had_limits;

        if (!vm_name_is_id(id))
                return EXIT_CONFIGURATION;
        log_set_vm(id, "");
        explain();
        tell_changes(runtime_dir, id);
        had_limits = remove_limits(runtime_dir, id);
        unit_needs_forget(runtime_dir, id);
        /* a helper that was killed has left as much as the guest has memory */
        if (state_dir)
                state_abandon(state_dir, id);
        if (vm_name_is_uuid(id))
                request_remove(runtime_dir, id);
        request_sweep(runtime_dir);
        /* the last one, because nothing may be lost to its limit */
        if (had_limits)
                forget_limits();
        return EXIT_SUCCESS;
}
