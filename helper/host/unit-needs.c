#include "helper/host/unit-needs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/host/manager.h"

static bool is_ours(const char *unit) {
        return strncmp(unit, "claude-vm-", strlen("claude-vm-")) == 0;
}

static char *links_of(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *units = runtime_path_units(runtime_dir);

        return units ? strjoin(units, "/claude-vm@", id, ".service.wants", NULL) : NULL;
}

static int keep(Manager *m, const char *directory, const char *need) {
        _cleanup_free_ char *file = NULL, *path = strjoin(directory, "/", need, NULL);
        int r = path ? manager_unit_file(m, need, &file) : -ENOMEM;

        if (r < 0)
                return r;
        /* one that an earlier start has left is as good */
        return symlink(file, path) < 0 && errno != EEXIST ? -errno : 0;
}

/* Not the manager's AddDependencyUnitFiles(): after that it asks for a reload, of every unit. */
int unit_needs_keep(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *unit = strjoin("claude-vm@", id, ".service", NULL),
                            *directory = links_of(runtime_dir, id);
        _cleanup_strv_free_ char **needs = NULL;
        _cleanup_manager_ Manager *m = NULL;
        int r = unit && directory ? manager_connect(&m) : -ENOMEM;

        if (r >= 0)
                r = manager_needs(m, unit, &needs);
        if (r >= 0)
                r = directory_make(directory);
        for (size_t i = 0; r >= 0 && needs && needs[i]; i++)
                if (is_ours(needs[i]))
                        r = keep(m, directory, needs[i]);
        return r;
}

int unit_needs_add(Manager *m, const char *runtime_dir, const char *id, char *const *units) {
        _cleanup_free_ char *unit = strjoin("claude-vm@", id, ".service", NULL),
                            *directory = links_of(runtime_dir, id);
        _cleanup_strv_free_ char **needs = NULL;
        int r = unit && directory ? manager_needs(m, unit, &needs) : -ENOMEM, added = 0;

        for (; r >= 0 && *units; units++) {
                if (strv_contains(needs, *units))
                        continue;
                r = directory_make(directory);
                if (r >= 0)
                        r = keep(m, directory, *units);
                added = 1;
        }
        return r < 0 ? r : added;
}

void unit_needs_forget(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *directory = links_of(runtime_dir, id);
        _cleanup_strv_free_ char **names = NULL;

        if (!directory || directory_list(directory, &names) < 0)
                return;
        for (size_t i = 0; names && names[i]; i++) {
                _cleanup_free_ char *path =
                                is_ours(names[i]) ? strjoin(directory, "/", names[i], NULL) : NULL;

                if (path)
                        unlink(path);
        }
        rmdir(directory);
}
