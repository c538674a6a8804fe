/* One VM while it runs: what the parts of `run` share. Each part has a section below. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "common/drop-in.h"
#include "common/share-tag.h"
#include "common/usec.h"
#include "helper/guest-lines.h"
#include "helper/host/agent-state.h"
#include "helper/host/guest-image.h"
#include "helper/line-limit.h"
#include "helper/ssh/files.h"
#include "helper/vm/guest-credentials.h"
#include "helper/vm/outcome.h"
#include "helper/vm/qmp.h"
#include "helper/vm/run.h"

typedef struct Vm Vm;

/* A stream of lines that QEMU or the guest writes. */
typedef struct Stream {
        int fd;
        sd_event_source *source;
        GuestLines text;
        LineLimit limit; /* of what goes to the journal */
        char last[GUEST_LINE_MAX + 1];
} Stream;

/* A virtiofsd: the process, not a child of ours. */
typedef struct ShareProcess {
        Vm *vm;
        char tag[SHARE_TAG_MAX + 1];
        int pidfd;
        sd_event_source *source;
} ShareProcess;

/* The guest's memory on its way to a file or from one; see migration.c. */
typedef struct Migration {
        bool active, incoming, cancelled;
        unsigned step;
        int fd; /* of the file, borrowed */
        unsigned set;
        sd_event_source *timer, *poll;
        bool asked; /* how far it is, and QEMU has not answered */
        void (*done)(Vm *vm, const char *error);
} Migration;

/* What the agent does; see agent.c. */
typedef struct AgentWatch {
        AgentState state, told;    /* as it says, and what the host has heard of it */
        uint64_t since_usec;       /* CLOCK_REALTIME */
        uint64_t noticed_usec;     /* CLOCK_MONOTONIC; 0: the desktop has heard nothing yet */
        sd_event_source *interval; /* until the host may hear of it again; NULL: it may */
        sd_event_source *notice;   /* when the desktop hears of it; NULL: not to be */
        sd_bus *bus;
        bool end_was_seen; /* by a viewer */
} AgentWatch;

struct Vm {
        const RunConfig *config;
        const char *qemu; /* the one for this guest */
        const Parameters *parameters;
        sd_event *event;
        Qmp *qmp;
        pid_t pid;
        bool qemu_ended;
        int control_fd;   /* the guest's control port */
        int socket_fd;    /* ours, for share-exited */
        int dev_shell_fd; /* its script; negative: none */
        int disk_fd;      /* the VM's disk, locked; negative: none */
        int tap_fd;       /* the guest's interface */
        int network_fd;   /* a connection that ends with the VM's network */
        Stream console, notify, errors;
        sd_event_source *timer;       /* of the boot, then of the power-off or the stop */
        sd_event_source *share_timer; /* a share has ended: has QEMU too? */
        sd_event_source *clock;       /* when the guest is told the time */
        struct Watcher *watcher;      /* of the work directory; NULL: none */
        unsigned stop_step;
        bool ending;                      /* the timer is that of the stop or the kill */
        const struct DiskNote *disk_note; /* the gravest thing that the guest has said of it; or NULL */
        bool disk_failed;                 /* said already */
        bool drawn;                       /* the agent has, once the guest was ready */
        bool setup_begun, setup_ended;
        int setup_status;      /* of Setup=; 0: it was good, or did not run */
        char setup_words[256]; /* its last ones, if it was not */
        AgentWatch agent;
        char guest_status[256];
        bool status_pending; /* systemd has not heard of it yet */
        char share_tag[SHARE_TAG_MAX + 1], share_result[64];
        ShareProcess processes[SHARES_MAX];
        unsigned n_processes;
        char qemu_version[QMP_VERSION_MAX]; /* once its monitor has greeted */
        char *machine;                      /* see machine.h */
        Migration migration;
        int memory_fd;            /* the file that the guest's memory goes to or comes from */
        int reply_fd;             /* to the one who asked for the suspend */
        bool stop_waits;          /* for the memory to be saved */
        bool has_secrets;         /* the guest has; see request/secrets.h */
        char *refusal;            /* of Facts */
        sd_event_source *idle;    /* when the guest is asked whether it is; NULL: it is not */
        uint64_t idle_since_usec; /* CLOCK_MONOTONIC; 0: it is at work */
        int owner_fd;             /* see helper/request/owner.h */
        sd_event_source *owner;
        Facts facts;
};

/* stop.c: ending it. */

/* Kills QEMU at once. */
void vm_kill_qemu(Vm *vm);

/* The one timer of the VM's life; a new one replaces what was set. Without memory for it QEMU is killed. */
void vm_set_timer(Vm *vm, uint64_t usec, sd_event_time_handler_t handler);

/* A step of the ladder; the first call begins it. It is killed within STOP_STEPS of
 * RunConfig.stop_step_usec.
 */
#define STOP_STEPS 4U
void vm_request_stop(Vm *vm);

/* Ends the VM without asking the guest: QEMU quits, or is killed soon after. */
void vm_end(Vm *vm);

/* QEMU has begun to end: it is killed unless it is gone soon. */
void vm_expect_end(Vm *vm);

/* clock.c: tells the guest, which is ready, the time from now on. 0, negative errno. */
int vm_clock_begin(Vm *vm);
void vm_clock_done(Vm *vm);

/* host-changes.c: tells the guest, which is ready, what is saved in the work directory from now on. A VM
 * without it goes on. */
void vm_host_changes_begin(Vm *vm);
void vm_host_changes_done(Vm *vm);

/* streams.c: what guest and QEMU write. 0, negative errno. */
int vm_streams_begin(Vm *vm);

/* QEMU has ended: reads what is left, and ends the last lines. */
void vm_streams_finish(Vm *vm);
void vm_streams_done(Vm *vm);

/* shares.c: the socket `control` in the VM's directory. 0, negative errno. */
int vm_control_listen(Vm *vm);
void vm_control_done(Vm *vm);

/* QEMU has ended: waits for the virtiofsds, which end with it, and kills one that hangs. */
void vm_shares_end(const Vm *vm);

/* streams.c: the unit's status of a guest that is ready. */
void vm_say_status(const Vm *vm);

/* agent.c: the agent works, or waits for its user. */
void vm_agent_says(Vm *vm, AgentState state);

/* It has ended; later the VM has, with this exit status. */
void vm_agent_ended(Vm *vm);
void vm_agent_notice_end(Vm *vm, int status);
void vm_agent_done(Vm *vm);

/* Ends the VM and names the ended share as the reason. */
void vm_share_has_died(Vm *vm);

/* Returns true if a share has ended in error. */
bool vm_share_has_failed(const Vm *vm);

/* streams.c: the guest is up, and sessions may come. */
void vm_guest_is_ready(Vm *vm);

/* migration.c: saves the guest, which it stops, to `fd`, or loads one that waits; `done` gets NULL or why it
 * failed. At the limit QEMU gives up, or is killed. */
void vm_migrate(Vm *vm, int fd, bool incoming, void (*done)(Vm *vm, const char *error));

/* How long that may take from its begin on, in microseconds. */
uint64_t vm_migration_limit(const Vm *vm);

/* Closes QEMU's copy of the descriptor. */
void vm_migration_release(Vm *vm);

/* The event MIGRATION. */
void vm_migration_event(Vm *vm, sd_json_variant *data);
void vm_migration_done(Vm *vm);

/* suspend.c: suspends the VM, or says why not to `reply_fd`, which it takes; negative: nobody asked. */
void vm_suspend(Vm *vm, int reply_fd);

/* True if a stop must wait for the guest's memory; a second one does not. */
bool vm_suspend_delays_stop(Vm *vm);
void vm_suspend_done(Vm *vm);

/* memory.c: asks the guest to do with this much, and says to `reply_fd`, which it takes, whether it could.
 */
void vm_set_memory(Vm *vm, uint64_t mib, int reply_fd);

/* idle.c: asks the guest, which is ready, whether it is idle, if the ini says what happens then. */
void vm_idle_begin(Vm *vm);
void vm_idle_answer(Vm *vm, bool idle);
void vm_idle_done(Vm *vm);

/* resume.c: finds out whether the VM is suspended, and could go on. 0; -EINVAL: it could not, and `ret_why`
 * says why; other negative errno. */
int vm_resume_prepare(Vm *vm, const GuestImage *image, bool kvm, char **ret_why);

/* The same for its disk, which another start or claude-run may have changed. */
int vm_resume_check_disk(const Vm *vm, char **ret_why);

/* Puts back what a resumed VM needs of its runtime directory. 0, negative errno. */
int vm_resume_files(Vm *vm, SshKeys *ret_keys);

/* Loads the guest into QEMU, whose monitor has greeted. */
void vm_resume(Vm *vm);

/* owner.c: ends the VM with the claude-run that it is for, if there is one. 0; -EPIPE: that has ended
 * already; other negative errno. */
int vm_owner_watch(Vm *vm);
void vm_owner_done(Vm *vm);

/* network.c: takes the guest's interface, and watches the network that it is of. 0; -EINVAL: there is none,
 * and `ret_why` says why; other negative errno. */
int vm_network_begin(Vm *vm, char **ret_why);
void vm_network_done(Vm *vm);

/* disk.c: opens the VM's disk, if it has one that the image can use. 0; -EINVAL and a sentence; -ENOMEM. */
int vm_disk_begin(Vm *vm, const GuestImage *image, char **ret_why);

/* What the guest says of it, a word of a table: known ones reach the journal, and the status of the VM. */
void vm_disk_say(Vm *vm, const char *word);

/* That sentence, owned; NULL: there is none, or no memory. */
char *vm_disk_note(const Vm *vm);

/* QEMU could not read or write it. */
void vm_disk_failed(Vm *vm, const char *reason);

/* setup.c: Setup= begins (-1), or has ended with this status. The boot may take longer meanwhile. */
void vm_setup_say(Vm *vm, int status);

/* What the user should know of it, owned; NULL: nothing, or no memory. */
char *vm_setup_note(const Vm *vm);

/* run.c: a new limit for the boot, from now on. */
void vm_limit_boot(Vm *vm, uint64_t usec);

/* qemu.c: starts the process and watches it, its monitor and its streams. 0, negative errno. */
int vm_start_qemu(Vm *vm, const GuestImage *image, const GuestCredentials *credentials, bool kvm);
