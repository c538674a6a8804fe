/* What runs for a foreground VM beside its shares, in the order of the start. */
#pragma once

#include <sys/types.h>

#include "helper/foreground/keeper.h"

typedef enum StepKind {
        STEP_GOES_ON, /* the next one starts at once */
        STEP_READY,   /* after its READY=1 */
        STEP_ENDS,    /* after its end, which must be a success */
} StepKind;

/* One program of the VM, and the limits that its unit has. */
typedef struct Step {
        const char *part, *verb; /* of the units, see plan.h; of the helper */
        StepKind kind;
        unsigned files;     /* that may be open */
        unsigned limit_sec; /* until it is ready */
        const char *own;    /* its runtime directory is DIRECTORY/OWN/ID */
} Step;

enum { STEP_NET, STEP_PASTA, STEP_DNS, STEP_DNS_READY, STEP_PROXY, STEP_VM, N_STEPS };

extern const Step steps[N_STEPS];

/* The environment of a program, as its unit and systemd would make it, with the directories that it names.
 * `dns_pid` is for the one that waits for dnsmasq. 0, negative errno. */
int step_environment(const Step *s, const KeeperConfig *config, pid_t dns_pid, char ***ret);
