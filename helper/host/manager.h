/* The user's service manager, over its bus. Each wait is bounded and is told what it waits for. What only
 * asks asks again when the manager re-executes itself (daemon-reexec), because it drops the question. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "common/cleanup.h"

typedef struct Manager Manager;

/* The state of a unit at one moment. Strings are owned. */
typedef struct UnitState {
        char *active_state; /* "active", "failed" … */
        char *result;       /* "success", "exit-code" … */
        char *status_text;
        int32_t exec_main_status;
        uint64_t active_enter_usec; /* CLOCK_REALTIME, 0: never */
        uint64_t memory;            /* bytes of its processes, UINT64_MAX: not known */
        uint64_t cpu_nsec;          /* time of its processes, UINT64_MAX: not known */
} UnitState;

/* Called about once a second while a wait lasts, and when the unit's status text changes. */
typedef void (*manager_progress)(void *userdata, const char *status_text, uint64_t elapsed_usec);

/* Connects. 0, negative errno. */
int manager_connect(Manager **ret);
Manager *manager_free(Manager *m);

DEFINE_CLEANUP(Manager *, manager_free, manager_cleanup)
#define _cleanup_manager_ _cleanup_(manager_cleanup)

/* The version of systemd, like "257 (257.13-1)", owned. 0, negative errno. */
int manager_version(Manager *m, char **ret);

/* Reloads the manager's configuration (generators run again). 0, negative errno. */
int manager_reload(Manager *m);

/* The same on a connection of its own. After -ETIMEDOUT the manager may go on with it. A caller that hung up
 * at once would be refused, because the manager asks the bus who it is. */
int manager_reload_within(uint64_t limit_usec);

/* The state of a unit, which is loaded for it. 0, negative errno. */
int manager_look(Manager *m, const char *unit, UnitState *ret);

/* The states of `n` units, in their order; the questions go out together. 0, negative errno: `ret` has none.
 */
int manager_look_all(Manager *m, const char *const units[], size_t n, UnitState ret[]);

/* The same for one that is waited for: it stays loaded as long as `m` lives. */
int manager_state(Manager *m, const char *unit, UnitState *ret);
void unit_state_done(UnitState *s);

/* Returns the active state of a unit, owned; "inactive" also for one that does not exist. 0, negative errno.
 */
int manager_active_state(Manager *m, const char *unit, char **ret);

/* True if a job of the unit waits or runs: one that is inactive is about to start. */
bool manager_has_job(Manager *m, const char *unit);

/* True if a unit has a drop-in of the generator. */
bool manager_is_configured(Manager *m, const char *unit);

/* True for the active states of a unit that has no process. */
bool manager_is_down(const char *active_state);

typedef enum ManagerJob { MANAGER_START, MANAGER_STOP, MANAGER_RESTART } ManagerJob;

/* Starts, stops or restarts a unit and waits for the job; UINT64_MAX: without end. 0: done.
 * -ECANCELED, -ETIMEDOUT (also of the wait), -EPROTO for any other end of the job, with systemd's word for
 * it in `ret_result` (static or borrowed until the next call). -EINTR: `interrupted` became true. Other
 * negative errno. */
int manager_job(Manager *m, ManagerJob job, const char *unit, uint64_t limit_usec,
                const volatile bool *interrupted, manager_progress progress, void *userdata,
                const char **ret_result);

/* Waits until the unit is inactive or failed. 0, -ETIMEDOUT, -EINTR: `interrupted` became true, other
 * negative errno. */
int manager_wait_inactive(
                Manager *m, const char *unit, uint64_t limit_usec, const volatile bool *interrupted);

/* Waits until no job of the unit waits or runs. 0, -ETIMEDOUT, -EINTR: `interrupted` became true, other
 * negative errno. */
int manager_wait_job(Manager *m, const char *unit, uint64_t limit_usec, const volatile bool *interrupted);

/* Names of the loaded units that match `pattern` and, unless `ret_states` is NULL, their active states, in
 * owned arrays. 0, negative errno. */
int manager_list(Manager *m, const char *pattern, char ***ret, char ***ret_states);

/* Names of the units in Requires= and Wants= of a unit, in an owned array. 0, negative errno. */
int manager_needs(Manager *m, const char *unit, char ***ret);

/* True if the unit's files are newer than what the manager has read of them, or if it cannot say. The
 * manager looks for these files in each of its directories, which takes milliseconds. */
bool manager_needs_reload(Manager *m, const char *unit);

/* The path of a unit's file, owned. 0, negative errno. */
int manager_unit_file(Manager *m, const char *unit, char **ret);

/* All of Environment=, owned. 0, negative errno. */
int manager_environments(Manager *m, const char *unit, char ***ret);

/* The value of a variable of Environment=, owned. 1; 0 if it is not set; negative errno. */
int manager_environment(Manager *m, const char *unit, const char *variable, char **ret);

/* The environment that the manager gives to each unit, as it is now: owned NAME=VALUE. 0, negative errno. */
int manager_own_environment(Manager *m, char ***ret);
