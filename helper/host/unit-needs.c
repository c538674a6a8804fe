#include "helper/host/unit-needs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/host/manager.h"

static bool is_ours(const char *unit) {
        return strncmp(unit, "claude-vm-", strlen("claude-vm-")) == 0;
}

int unit_needs_keep(const char *id) {
        _cleanup_free_ char *unit = strjoin("claude-vm@", id, ".service", NULL);
        _cleanup_strv_free_ char **needs = NULL, **ours = NULL;
        _cleanup_manager_ Manager *m = NULL;
        int r = unit ? manager_connect(&m) : -ENOMEM;

        if (r >= 0)
                r = manager_needs(m, unit, &needs);
        for (size_t i = 0; r >= 0 && needs && needs[i]; i++)
                if (is_ours(needs[i]))
                        r = strv_append(&ours, needs[i]);
        return r < 0 || !ours ? r : manager_add_wants(m, unit, ours);
}

void unit_needs_forget(const char *runtime_dir, const char *id) {
        _cleanup_free_ char *directory =
                        strjoin(runtime_dir, "/systemd/user/claude-vm@", id, ".service.wants", NULL);
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
