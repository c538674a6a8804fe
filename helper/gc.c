/* The runtime directory is systemd's to remove. What is left for us is what belongs
 * to a VM but lies elsewhere: the request of an ad-hoc one and the drop-ins made from
 * it. Exact names only, and unlink() follows no link. */

#include "gc.h"

#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "log.h"
#include "parameters.h"
#include "request-files.h"
#include "vm-name.h"

/* A helper that was killed leaves no status of its own. */
static void explain(const char *id) {
        const char *result = getenv("SERVICE_RESULT"), *status = getenv("EXIT_STATUS");

        if (!result || strcmp(result, "success") == 0 || strcmp(result, "exit-code") == 0)
                return;
        if (strcmp(result, "signal") == 0 || strcmp(result, "core-dump") == 0)
                sd_notifyf(0, "STATUS=The helper was killed by SIG%s; QEMU ended with it", status ?: "?");
        else if (strcmp(result, "oom-kill") == 0)
                sd_notify(0, "STATUS=The VM used more memory than it may (MemoryMax=) and was killed");
        else if (strcmp(result, "timeout") == 0)
                sd_notify(0,
                                "STATUS=The VM took too long to start, to stop or altogether "
                                "(RuntimeMaxSec=) and was killed");
        log_message(LOG_NOTICE, "VM '%s' ended: %s", id, result);
}

int gc_run(const char *runtime_dir, const char *id) {
        if (!vm_name_is_id(id))
                return EXIT_CONFIGURATION;
        log_set_vm(id, "");
        explain(id);
        if (vm_name_is_uuid(id))
                request_remove(runtime_dir, id);
        request_sweep(runtime_dir);
        return EXIT_SUCCESS;
}
