#include "helper/foreground/steps.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "helper/foreground/launch.h"

const Step steps[N_STEPS] = {
        /* the VM's own parameters have its policy */
        [STEP_NET] = { "", "net", STEP_READY, 1024, 30, "claude-vm-net" },
        [STEP_PASTA] = { "pasta", "pasta", STEP_GOES_ON, 65536, 0, NULL },
        [STEP_DNS] = { "dns", "dns", STEP_GOES_ON, 1024, 0, NULL },
        [STEP_DNS_READY] = { "dns", "dns-ready", STEP_ENDS, 1024, 20, NULL },
        [STEP_PROXY] = { "proxy", "proxy", STEP_READY, 2048, 30, NULL },
        /* the helper has a limit of its own for the boot, which says more */
        [STEP_VM] = { "", "run", STEP_READY, 4096, 180, "claude-vm" },
};

static int add_own_directory(const KeeperConfig *config, const Step *s, char ***environment) {
        _cleanup_free_ char *path = strjoin(config->directory, "/", s->own, "/", config->id, NULL);
        int r = path ? directory_make(path) : -ENOMEM;

        return r < 0 ? r : strv_appendf(environment, "RUNTIME_DIRECTORY=%s", path);
}

static int add_credentials(const KeeperConfig *config, const Step *s, char ***environment) {
        _cleanup_free_ char *path = strjoin(config->directory, "/credentials.", s->verb, NULL);
        int r = path ? plan_link_credentials(config->plan, s->part, path) : -ENOMEM;

        return r < 0 ? r : strv_appendf(environment, "CREDENTIALS_DIRECTORY=%s", path);
}

int step_environment(const Step *s, const KeeperConfig *config, pid_t dns_pid, char ***ret) {
        int r = launch_environment(config->directory, ret);

        if (r >= 0)
                r = plan_add_variables(config->plan, s->part, ret);
        if (r >= 0)
                r = add_credentials(config, s, ret);
        if (r >= 0 && s->own)
                r = add_own_directory(config, s, ret);
        if (r >= 0 && s->kind == STEP_ENDS)
                r = strv_appendf(ret, "MAINPID=%d", dns_pid);
        return r;
}
