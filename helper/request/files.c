/* The files of an ad-hoc VM outside its runtime directory. Exact names only, and unlink() follows no link.
 */

#include "helper/request/files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "helper/request/caller-credentials.h"
#include "helper/request/owner.h"
#include "helper/request/requests.h"

/* Takes ownership of the path. Removes a directory only when it is empty: the rest in it is the user's. */
static void remove_path(char *path) {
        _cleanup_free_ char *owned = path;

        if (owned)
                (void) remove(owned);
}

static void remove_dropin(const char *runtime_dir, const char *unit, const char *id) {
        _cleanup_free_ char *units = runtime_path_units(runtime_dir),
                            *dropin_dir = units ? strjoin(units, "/", unit, "@", id, ".service.d", NULL)
                                                : NULL;

        if (dropin_dir)
                remove_path(strjoin(dropin_dir, "/50-claude-microvm.conf", NULL));
        remove_path(TAKE_PTR(dropin_dir));
}

void request_remove(const char *runtime_dir, const char *id) {
        static const char *const units[] = { "claude-vm", "claude-vm-copy", "claude-vm-devshell",
                "claude-vm-net", "claude-vm-proxy", "claude-vm-ssh" };

        caller_credentials_remove(runtime_dir, id);
        remove_path(runtime_path_request(runtime_dir, id, "ini"));
        remove_path(runtime_path_request(runtime_dir, id, "owner"));
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                remove_dropin(runtime_dir, units[i], id);
}

/* Returns true if its claude-run has ended and no VM runs, which would have a directory. */
static bool is_abandoned(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *vm_dir = runtime_path_vm(runtime_dir, id);
        _cleanup_close_ int fd = request_owner_watch(runtime_dir, id);

        return fd < 0 && vm_dir && access(vm_dir, F_OK) < 0 && errno == ENOENT;
}

static void sweep_one(const char *runtime_dir, const char *id, const char *suffix) {
        if (vm_name_is_uuid(id) && is_abandoned(runtime_dir, id))
                request_remove(runtime_dir, id);
}

void request_sweep(const char *runtime_dir) {
        requests_each(runtime_dir, sweep_one);
        caller_credentials_sweep(runtime_dir);
}
