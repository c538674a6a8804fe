/* Turns the facts that are known after QEMU's end into the unit's exit status and its status text. */
#pragma once

#include <stdbool.h>

typedef struct Facts {
        const char *id;      /* of the VM */
        bool has_disk;       /* of its own */
        bool ready;          /* the guest said READY=1 */
        bool stop_requested; /* we were asked to stop */
        bool suspended;      /* its state is whole */
        bool resuming;       /* it is suspended, and does not run yet */
        bool resumed;        /* it was suspended, and runs */
        const char *refusal; /* why it is not resumed, a sentence, or NULL */
        bool boot_timeout;
        bool panicked;
        int agent_status; /* -1: it did not say */
        int qemu_status;  /* of waitpid() */
        unsigned boot_limit_sec;
        bool network_lost;        /* it ended below the VM */
        const char *dead_share;   /* tag, or NULL */
        const char *share_result; /* "was killed by signal KILL" */
        const char *qemu_message; /* its last line on stderr, or "" */
        const char *guest_status; /* its last STATUS=, or "" */
        const char *console_line; /* its last line, or "" */
} Facts;

/* 0 on success, else the exit status; `ret` is an owned sentence, NULL without memory. */
int outcome_of(const Facts *facts, char **ret);
