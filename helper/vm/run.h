/* `run ID`: one VM from its parameters to its end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "helper/parameters.h"

typedef struct RunConfig {
        const char *qemu;         /* for guests of this machine's architecture */
        const char *qemu_foreign; /* for those of the other one */
        const char *ssh_keygen, *systemd_creds, *git, *sha256sum; /* absolute paths */
        const char *virtiofsd, *ssh;       /* of units that the VM needs; NULL: not looked for */
        const char *runtime_dir;           /* $XDG_RUNTIME_DIR */
        const char *vm_dir;                /* $RUNTIME_DIRECTORY, this VM's own */
        const char *data_home;             /* $XDG_DATA_HOME */
        const char *settings_id;           /* see config_print_id() */
        const char *state_dir;             /* $STATE_DIRECTORY, of suspended VMs; NULL: there is none */
        const char *secrets_dir;           /* $CREDENTIALS_DIRECTORY, or NULL */
        const char *dev_shell_dir;         /* see helper/devshell/devshell.h */
        bool sandbox;                      /* QEMU gets one; tests run a program that lies anywhere */
        bool foreground;                   /* no manager: the caller has made the network, and has no time */
        const char *const *qemu_variables; /* of the environment, for QEMU; NULL: none of them */
        uint64_t boot_limit_usec;          /* until READY=1; 0: by accelerator */
        uint64_t stop_step_usec;           /* between the steps of a stop */
} RunConfig;

/* Runs the VM and tells systemd about it. Returns the exit status: the agent's, or one of
 * common/exit-status.h.
 */
int run_vm(const RunConfig *config, Parameters *parameters);
