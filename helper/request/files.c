/* What of an ad-hoc VM lies outside its runtime directory. Exact names only, and unlink() follows no link.
 */

#include "helper/request/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/vm-name.h"
#include "helper/request/caller-credentials.h"
#include "helper/request/owner.h"

/* Takes the path over. A directory goes only when it is empty: what else is in it is the user's. */
static void remove_path(char *path) {
        _cleanup_free_ char *owned = path;

        if (owned)
                (void) remove(owned);
}

static void remove_dropin(const char *runtime_dir, const char *unit, const char *id) {
        char *path;

        if (asprintf(&path, "%s/systemd/user/%s@%s.service.d/50-claude-microvm.conf", runtime_dir, unit,
                            id) >= 0)
                remove_path(path);
        if (asprintf(&path, "%s/systemd/user/%s@%s.service.d", runtime_dir, unit, id) >= 0)
                remove_path(path);
}

void request_remove(const char *runtime_dir, const char *id) {
        static const char *const suffixes[] = { "ini", "owner" };
        char *path;

        caller_credentials_remove(runtime_dir, id);
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (asprintf(&path, "%s/claude-microvm/requests/%s.%s", runtime_dir, id, suffixes[i]) >= 0)
                        remove_path(path);
        remove_dropin(runtime_dir, "claude-vm", id);
        remove_dropin(runtime_dir, "claude-vm-devshell", id);
}

/* Its maker has ended, and no VM runs: that would have a directory. */
static bool is_abandoned(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *directory = NULL;
        _cleanup_close_ int fd = request_owner_watch(runtime_dir, id);

        if (fd >= 0)
                return false;
        if (asprintf(&directory, "%s/claude-vm/%s", runtime_dir, id) < 0) {
                directory = NULL;
                return false;
        }
        return access(directory, F_OK) < 0 && errno == ENOENT;
}

void request_sweep(const char *runtime_dir) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/claude-microvm/requests", runtime_dir) < 0) {
                path = NULL;
                return;
        }
        dir = opendir(path);
        if (!dir)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                char id[37] = "";

                if (strlen(entry->d_name) <= 36 || entry->d_name[36] != '.')
                        continue;
                memcpy(id, entry->d_name, 36);
                if (vm_name_is_uuid(id) && is_abandoned(runtime_dir, id))
                        request_remove(runtime_dir, id);
        }
        caller_credentials_sweep(runtime_dir);
}
