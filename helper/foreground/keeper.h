/* The process that does for one VM what systemd does for a unit's: it starts the VM's programs in their
 * order, and ends them. It is forked from claude-run, which may be killed at any moment. */
#pragma once

#include "helper/foreground/plan.h"

typedef struct KeeperConfig {
        const char *helper;    /* absolute path of claude-vm-helper */
        const char *directory; /* private, in the place of the runtime directory */
        const char *id;        /* of the VM */
        const Plan *plan;
} KeeperConfig;

typedef struct Keeper Keeper;

/* Forks it. Negative errno. */
int keeper_start(const KeeperConfig *config, Keeper **ret);

/* Waits until the VM is ready. 0; -ECANCELED: it is not, and the keeper has begun to end; -EINTR: a signal
 * came. */
int keeper_wait_ready(Keeper *k);

/* Ends the VM and waits for the end of all of it. The exit status: 0 after an end that was asked for. The
 * owned `ret_why` is a sentence, NULL if there is nothing to say; `ret_log` is the last of what the VM's
 * programs have logged. */
int keeper_end(Keeper *k, char **ret_why, char **ret_log);
