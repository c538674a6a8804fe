/* The helper's `run` with another QEMU, the programs of $WITH_VIRTIOFSD, $WITH_SSH and $WITH_SSH_KEYGEN,
 * the $WITH_FOREIGN_QEMU for guests of the other architecture and shorter limits: run-with QEMU ID DIRECTORY
 * BOOT-MS STEP-MS */

#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "helper/host/config-check.h"
#include "helper/parameters.h"
#include "helper/vm/run.h"

extern char **environ;

int main(int argc, char **argv) {
        Parameters *p = NULL;
        char *why = NULL;
        static const char *const variables[] = { "FAKE_QEMU", "ASAN_OPTIONS", NULL };
        int status = 78;

        if (argc != 6)
                return 2;
        if (config_check(environ, &why) == 0 && parameters_read(argv[2], environ, &p, &why) == 0) {
                const RunConfig config = {
                        .qemu = argv[1],
                        .qemu_foreign = getenv("WITH_FOREIGN_QEMU"),
                        .virtiofsd = getenv("WITH_VIRTIOFSD"),
                        .ssh = getenv("WITH_SSH"),
                        .ssh_keygen = getenv("WITH_SSH_KEYGEN") ?: SSH_KEYGEN_PATH,
                        .sha256sum = SHA256SUM_PATH,
                        .runtime_dir = argv[3],
                        .vm_dir = argv[3],
                        .settings_id = getenv("CLAUDE_VM_CONFIG_ID") ?: "",
                        .data_home = argv[3],
                        .state_dir = getenv("STATE_DIRECTORY"),
                        .qemu_variables = variables,
                        .boot_limit_usec = strtoull(argv[4], NULL, 10) * 1000,
                        .stop_step_usec = strtoull(argv[5], NULL, 10) * 1000,
                };

                status = run_vm(&config, p);
        } else
                fprintf(stderr, "%s\n", why);
        parameters_free(p);
        free(why);
        return status;
}
