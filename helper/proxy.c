/* systemd has no alias between two instances of a template, so the unit of a UUID starts
 * and stops the one of the name. A unit file for each would double what the manager has to
 * read at each reload, for a spelling that few ever use. */

#include "helper/proxy.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/usec.h"
#include "common/vm-name.h"
#include "helper/host/manager.h"
#include "helper/host/projects.h"
#include "helper/log.h"

static volatile bool interrupted;

static void on_signal(int sig) {
        interrupted = true;
}

char *proxy_find(const char *generator, const char *id) {
        ProjectEntries projects = {};
        const ProjectEntry *p;
        char *name = NULL;

        if (project_entries_read(generator, &projects) < 0)
                return NULL;
        p = project_entries_find(&projects, id);
        if (p)
                name = strdup(p->name);
        project_entries_done(&projects);
        return name;
}

/* The time limits of a start and a stop are those of the unit that this one stands for, which may wait for a
 * dev shell, a copy or Setup=. Those of the template, which this instance has too, would end that unit's
 * start or leave its stop. */
static void extend(void *userdata, const char *status_text, uint64_t elapsed_usec) {
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%llu", 30 * SEC);
}

/* Ends as the unit has ended. */
static int result(Manager *m, const char *unit) {
        UnitState state = {};
        int status = 0, r = manager_state(m, unit, &state);

        if (r < 0) {
                log_status(LOG_ERR, "Failed to look at %s: %s", unit, strerror(-r));
                return EXIT_QEMU_FAILED;
        }
        if (strcmp(state.result, "success") != 0)
                status = state.exec_main_status > 0 ? state.exec_main_status : EXIT_QEMU_FAILED;
        log_status(status == 0 ? LOG_INFO : LOG_ERR, "%s: %s", unit, state.status_text);
        unit_state_done(&state);
        return status;
}

static int stop(Manager *m, const char *unit) {
        const char *word = "";
        int r;

        sd_notify(0, "STOPPING=1");
        r = manager_job(m, MANAGER_STOP, unit, UINT64_MAX, NULL, extend, NULL, &word);
        if (r < 0)
                log_status(LOG_ERR, "Failed to stop %s: %s", unit, word[0] ? word : strerror(-r));
        return r < 0 ? EXIT_QEMU_FAILED : 0;
}

int proxy_run(const char *name) {
        struct sigaction action = { .sa_handler = on_signal };
        _cleanup_manager_ Manager *m = NULL;
        _cleanup_free_ char *unit = vm_unit_name(name);
        const char *word = "";
        int r;

        if (!unit)
                return EXIT_QEMU_FAILED;
        sigaction(SIGTERM, &action, NULL);
        sd_notifyf(0, "STATUS=Stands for %s", unit);
        r = manager_connect(&m);
        if (r < 0) {
                log_status(LOG_ERR, "Failed to reach the service manager for %s: %s", unit, strerror(-r));
                return EXIT_QEMU_FAILED;
        }
        /* systemd's own time-outs end these waits */
        r = manager_job(m, MANAGER_START, unit, UINT64_MAX, &interrupted, extend, NULL, &word);
        if (r >= 0) {
                sd_notify(0, "READY=1");
                r = manager_wait_inactive(m, unit, UINT64_MAX, &interrupted);
        }
        return r == -EINTR ? stop(m, unit) : result(m, unit);
}
