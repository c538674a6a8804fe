/* This follows every careful client of systemd: the match for JobRemoved is
 * there before the call, the unit is referenced so that its result is not collected
 * away, and a change of properties, not a clock, ends a wait. */

#include "helper/host/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/usec.h"

#define DESTINATION "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE DESTINATION ".Manager"
#define UNIT_INTERFACE DESTINATION ".Unit"
#define SERVICE_INTERFACE DESTINATION ".Service"
#define CALL_LIMIT (25 * SEC)    /* of one call; the manager may be reloading */
#define RELOAD_LIMIT (180 * SEC) /* systemd gives its generators 90 s */
#define LOOKS_AT_ONCE 32         /* of seven questions each; a bus keeps some thousand for a client */
#define DROPIN "/50-claude-microvm.conf"

/* The value of a call that may be made twice. It is made again for five seconds while the bus says that the
 * manager is gone (-ETIMEDOUT, as for no answer within CALL_LIMIT); the bus keeps calls until it is back. */
#define ASK(call)                                                                                           \
        ({                                                                                                  \
                uint64_t until_ = usec_now(CLOCK_MONOTONIC) + 5 * SEC;                                      \
                int result_;                                                                                \
                do                                                                                          \
                        result_ = (call);                                                                   \
                while (result_ == -ETIMEDOUT && usec_now(CLOCK_MONOTONIC) < until_);                        \
                result_;                                                                                    \
        })

struct Manager {
        sd_bus *bus;
        char *job; /* path of the job that is waited for */
        char job_result[32];
        bool job_removed;
};

DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref, message_cleanup)
DEFINE_CLEANUP(sd_bus_slot *, sd_bus_slot_unref, slot_cleanup)
#define _cleanup_message_ _cleanup_(message_cleanup)

int manager_connect(Manager **ret) {
        Manager *m = calloc(1, sizeof(Manager));
        int r;

        if (!m)
                return -ENOMEM;
        r = sd_bus_open_user(&m->bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(m->bus, CALL_LIMIT);
        if (r >= 0)
                /* without a subscription the manager sends no signals */
                r = ASK(sd_bus_call_method(m->bus, DESTINATION, PATH, MANAGER_INTERFACE, "Subscribe", NULL,
                                NULL, NULL));
        if (r < 0) {
                manager_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        sd_bus_flush_close_unref(m->bus);
        free(m->job);
        free(m);
        return NULL;
}

static int call_reload(sd_bus *bus, uint64_t limit_usec) {
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(bus, &call, DESTINATION, PATH, MANAGER_INTERFACE, "Reload");

        if (r >= 0)
                r = sd_bus_call(bus, call, limit_usec, NULL, NULL);
        return r < 0 ? r : 0;
}

int manager_reload(Manager *m) {
        return call_reload(m->bus, RELOAD_LIMIT);
}

int manager_reload_within(uint64_t limit_usec) {
        sd_bus *bus = NULL;
        int r = sd_bus_open_user(&bus);

        if (r >= 0)
                r = call_reload(bus, limit_usec);
        sd_bus_flush_close_unref(bus);
        return r;
}

static int unit_path(const char *unit, char **ret) {
        return sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, ret);
}

static int get_string(Manager *m, const char *path, const char *interface, const char *name, char **ret) {
        return ASK(sd_bus_get_property_string(m->bus, DESTINATION, path, interface, name, NULL, ret));
}

static int get_strings(Manager *m, const char *path, const char *interface, const char *name, char ***ret) {
        return ASK(sd_bus_get_property_strv(m->bus, DESTINATION, path, interface, name, NULL, ret));
}

/* The same for a unit by its name. */
static int get_string_of(Manager *m, const char *unit, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL;
        int r = unit_path(unit, &path);

        return r < 0 ? r : get_string(m, path, UNIT_INTERFACE, name, ret);
}

int manager_version(Manager *m, char **ret) {
        return get_string(m, PATH, MANAGER_INTERFACE, "Version", ret);
}

/* Questions that are on their way, so that many take no longer than one. */
typedef struct Questions {
        unsigned pending;
        int error; /* the first one */
} Questions;

/* A property of a unit. `ret` is a char ** of the caller's for "s". */
typedef struct Property {
        const char *interface, *name, *type;
        void *ret;
        Questions *all;
        sd_bus_slot *slot;
} Property;

static int read_value(sd_bus_message *reply, const Property *p) {
        const char *text;
        int r = sd_bus_message_enter_container(reply, 'v', p->type);

        if (r < 0)
                return r;
        if (strcmp(p->type, "s") != 0)
                return sd_bus_message_read_basic(reply, p->type[0], p->ret);
        r = sd_bus_message_read_basic(reply, 's', &text);
        if (r >= 0)
                *(char **) p->ret = strdup(text);
        return r >= 0 && !*(char **) p->ret ? -ENOMEM : r;
}

static int on_property(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Property *p = userdata;
        int r = -sd_bus_message_get_errno(reply);

        p->all->pending--;
        if (r == 0)
                r = read_value(reply, p);
        if (r < 0 && p->all->error == 0)
                p->all->error = r;
        return 0;
}

static int wait_for_answers(Manager *m, const Questions *all) {
        int r = 0;

        while (r >= 0 && all->pending > 0) {
                r = sd_bus_process(m->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(m->bus, UINT64_MAX);
                if (r == -EINTR)
                        r = 0;
        }
        return r < 0 ? r : all->error;
}

/* A look at a unit, to which the answers come. It must not move meanwhile. */
typedef struct Look {
        UnitState state;
        Property properties[7];
} Look;

static void look_done(Look *look) {
        for (size_t i = 0; i < ELEMENTSOF(look->properties); i++)
                slot_cleanup(&look->properties[i].slot);
        unit_state_done(&look->state);
}

static int look_begin(Manager *m, const char *unit, Look *look, Questions *all) {
        UnitState *s = &look->state;
        const Property properties[ELEMENTSOF(look->properties)] = {
                { UNIT_INTERFACE, "ActiveState", "s", &s->active_state },
                { SERVICE_INTERFACE, "Result", "s", &s->result },
                { SERVICE_INTERFACE, "StatusText", "s", &s->status_text },
                { SERVICE_INTERFACE, "ExecMainStatus", "i", &s->exec_main_status },
                { UNIT_INTERFACE, "ActiveEnterTimestamp", "t", &s->active_enter_usec },
                { SERVICE_INTERFACE, "MemoryCurrent", "t", &s->memory },
                { SERVICE_INTERFACE, "CPUUsageNSec", "t", &s->cpu_nsec },
        };
        _cleanup_free_ char *path = NULL;
        int r = unit_path(unit, &path);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(properties); i++) {
                Property *p = &look->properties[i];

                *p = properties[i];
                p->all = all;
                r = sd_bus_call_method_async(m->bus, &p->slot, DESTINATION, path,
                                "org.freedesktop.DBus.Properties", "Get", on_property, p, "ss", p->interface,
                                p->name);
                if (r >= 0)
                        all->pending++;
        }
        return r;
}

static int look_at_once(Manager *m, const char *const units[], size_t n, UnitState ret[]) {
        Look *looks = calloc(n, sizeof(Look));
        Questions all = {};
        int r = looks ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = look_begin(m, units[i], &looks[i], &all);
        if (r >= 0)
                r = wait_for_answers(m, &all);
        for (size_t i = 0; looks && i < n; i++) {
                if (r >= 0) {
                        ret[i] = looks[i].state;
                        looks[i].state = (UnitState) {};
                }
                look_done(&looks[i]);
        }
        free(looks);
        return r;
}

int manager_look_all(Manager *m, const char *const units[], size_t n, UnitState ret[]) {
        size_t done = 0;
        int r = 0;

        while (r >= 0 && done < n) {
                size_t some = n - done < LOOKS_AT_ONCE ? n - done : LOOKS_AT_ONCE;

                r = ASK(look_at_once(m, units + done, some, ret + done));
                if (r >= 0)
                        done += some;
        }
        if (r < 0)
                while (done > 0)
                        unit_state_done(&ret[--done]);
        return r;
}

int manager_look(Manager *m, const char *unit, UnitState *ret) {
        return manager_look_all(m, &unit, 1, ret);
}

int manager_state(Manager *m, const char *unit, UnitState *ret) {
        int r;

        /* RefUnit takes loaded units only. A second reference of one client counts, which does no harm. */
        r = ASK(sd_bus_call_method(
                        m->bus, DESTINATION, PATH, MANAGER_INTERFACE, "LoadUnit", NULL, NULL, "s", unit));
        if (r >= 0)
                r = ASK(sd_bus_call_method(m->bus, DESTINATION, PATH, MANAGER_INTERFACE, "RefUnit", NULL,
                                NULL, "s", unit));
        return r < 0 ? r : manager_look(m, unit, ret);
}

int manager_active_state(Manager *m, const char *unit, char **ret) {
        return get_string_of(m, unit, "ActiveState", ret);
}

/* The number of a unit's job, 0: it has none. 0, negative errno. */
static int get_job(Manager *m, const char *path, uint32_t *ret) {
        _cleanup_message_ sd_bus_message *answer = NULL;
        int r = ASK(sd_bus_get_property(
                        m->bus, DESTINATION, path, UNIT_INTERFACE, "Job", NULL, &answer, "(uo)"));

        return r < 0 ? r : sd_bus_message_read(answer, "(uo)", ret, NULL);
}

bool manager_has_job(Manager *m, const char *unit) {
        _cleanup_free_ char *path = NULL;
        uint32_t id = 0;

        return unit_path(unit, &path) >= 0 && get_job(m, path, &id) >= 0 && id > 0;
}

bool manager_is_configured(Manager *m, const char *unit) {
        _cleanup_strv_free_ char **dropins = NULL;
        _cleanup_free_ char *path = NULL;

        if (unit_path(unit, &path) < 0 || get_strings(m, path, UNIT_INTERFACE, "DropInPaths", &dropins) < 0)
                return false;
        for (size_t i = 0; dropins && dropins[i]; i++) {
                size_t n = strlen(dropins[i]);

                if (n > strlen(DROPIN) && strcmp(dropins[i] + n - strlen(DROPIN), DROPIN) == 0)
                        return true;
        }
        return false;
}

bool manager_is_down(const char *active_state) {
        return strcmp(active_state, "inactive") == 0 || strcmp(active_state, "failed") == 0;
}

void unit_state_done(UnitState *s) {
        free(s->active_state);
        free(s->result);
        free(s->status_text);
        *s = (UnitState) {};
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        const char *path, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 || !m->job ||
                        strcmp(path, m->job) != 0)
                return 0;
        strncpy(m->job_result, result, sizeof(m->job_result) - 1);
        m->job_removed = true;
        return 0;
}

/* Handles pending messages, then waits for more until `deadline`, but at most a second. */
static int process(Manager *m, uint64_t deadline) {
        uint64_t now, wait;
        int r;

        do
                r = sd_bus_process(m->bus, NULL);
        while (r > 0);
        if (r < 0 || m->job_removed)
                return r;
        now = usec_now(CLOCK_MONOTONIC);
        if (now >= deadline)
                return -ETIMEDOUT;
        wait = deadline - now < SEC ? deadline - now : SEC;
        r = sd_bus_wait(m->bus, wait);
        return r == -EINTR ? 0 : r;
}

static int job_errno(const char *result) {
        static const struct {
                const char *word;
                int error;
        } table[] = {
                { "done", 0 },
                { "skipped", 0 },
                { "canceled", -ECANCELED },
                { "timeout", -ETIMEDOUT },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(result, table[i].word) == 0)
                        return table[i].error;
        /* failed, dependency, assert, unsupported, invalid, once, frozen, concurrency */
        return -EPROTO;
}

static int call_job(Manager *m, ManagerJob job, const char *unit) {
        static const char *const methods[] = {
                [MANAGER_START] = "StartUnit", [MANAGER_STOP] = "StopUnit", [MANAGER_RESTART] = "RestartUnit"
        };
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(m->bus, DESTINATION, PATH, MANAGER_INTERFACE, methods[job], NULL, &reply,
                        "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        free(m->job);
        m->job = strdup(path);
        return m->job ? 0 : -ENOMEM;
}

static void report(
                Manager *m, const char *unit, uint64_t started, manager_progress progress, void *userdata) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        if (!progress || unit_path(unit, &path) < 0)
                return;
        (void) get_string(m, path, SERVICE_INTERFACE, "StatusText", &text);
        progress(userdata, text ?: "", usec_now(CLOCK_MONOTONIC) - started);
}

/* UINT64_MAX waits forever. */
static uint64_t deadline_after(uint64_t limit_usec) {
        uint64_t now = usec_now(CLOCK_MONOTONIC);

        return limit_usec > UINT64_MAX - now ? UINT64_MAX : now + limit_usec;
}

int manager_job(Manager *m, ManagerJob job, const char *unit, uint64_t limit_usec,
                const volatile bool *interrupted, manager_progress progress, void *userdata,
                const char **ret_result) {
        _cleanup_(slot_cleanup) sd_bus_slot *slot = NULL;
        uint64_t started = usec_now(CLOCK_MONOTONIC), deadline = deadline_after(limit_usec);
        int r;

        *ret_result = "";
        m->job_removed = false;
        memset(m->job_result, 0, sizeof(m->job_result));
        r = sd_bus_match_signal(m->bus, &slot, DESTINATION, PATH, MANAGER_INTERFACE, "JobRemoved",
                        on_job_removed, m);
        if (r >= 0)
                r = call_job(m, job, unit);
        while (r >= 0 && !m->job_removed) {
                if (interrupted && *interrupted)
                        return -EINTR;
                report(m, unit, started, progress, userdata);
                r = process(m, deadline);
        }
        if (r < 0)
                return r;
        *ret_result = m->job_result;
        return job_errno(m->job_result);
}

/* The signal's content does not matter: it ends the wait, and the state is read again. */
static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return 0;
}

/* 1: it is; 0: not yet; negative errno. */
typedef int (*unit_test)(Manager *m, const char *path);

static int wait_until(Manager *m, const char *unit, unit_test test, uint64_t limit_usec,
                const volatile bool *interrupted) {
        _cleanup_(slot_cleanup) sd_bus_slot *slot = NULL;
        _cleanup_free_ char *path = NULL;
        uint64_t deadline = deadline_after(limit_usec);
        int r;

        m->job_removed = false;
        r = unit_path(unit, &path);
        if (r >= 0)
                r = sd_bus_match_signal(m->bus, &slot, DESTINATION, path, "org.freedesktop.DBus.Properties",
                                "PropertiesChanged", on_change, NULL);
        while (r >= 0) {
                r = test(m, path);
                if (r != 0)
                        break;
                if (interrupted && *interrupted)
                        return -EINTR;
                r = process(m, deadline);
        }
        return r < 0 ? r : 0;
}

static int is_inactive(Manager *m, const char *path) {
        _cleanup_free_ char *state = NULL;
        int r = get_string(m, path, UNIT_INTERFACE, "ActiveState", &state);

        return r < 0 ? r : manager_is_down(state);
}

int manager_wait_inactive(
                Manager *m, const char *unit, uint64_t limit_usec, const volatile bool *interrupted) {
        return wait_until(m, unit, is_inactive, limit_usec, interrupted);
}

static int has_no_job(Manager *m, const char *path) {
        uint32_t id;
        int r = get_job(m, path, &id);

        return r < 0 ? r : id == 0;
}

int manager_wait_job(Manager *m, const char *unit, uint64_t limit_usec, const volatile bool *interrupted) {
        return wait_until(m, unit, has_no_job, limit_usec, interrupted);
}

int manager_list(Manager *m, const char *pattern, char ***ret, char ***ret_states) {
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_strv_free_ char **names = NULL, **states = NULL;
        const char *name, *state;
        int r;

        r = sd_bus_message_new_method_call(
                        m->bus, &call, DESTINATION, PATH, MANAGER_INTERFACE, "ListUnitsByPatterns");
        if (r >= 0)
                r = sd_bus_message_append(call, "asas", 0, 1, pattern);
        if (r >= 0)
                r = sd_bus_call(m->bus, call, 0, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 &&
                        (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, &state, NULL,
                                         NULL, NULL, NULL, NULL, NULL)) > 0)
                if (strv_append(&names, name) < 0 || strv_append(&states, state) < 0)
                        r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(names);
        if (ret_states)
                *ret_states = TAKE_PTR(states);
        return 0;
}

int manager_needs(Manager *m, const char *unit, char ***ret) {
        static const char *const properties[] = { "Requires", "Wants" };
        _cleanup_strv_free_ char **needs = NULL;
        _cleanup_free_ char *path = NULL;
        int r = unit_path(unit, &path);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(properties); i++) {
                _cleanup_strv_free_ char **names = NULL;

                r = get_strings(m, path, UNIT_INTERFACE, properties[i], &names);
                for (size_t k = 0; r >= 0 && names && names[k]; k++)
                        r = strv_append(&needs, names[k]);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(needs);
        return 0;
}

int manager_unit_file(Manager *m, const char *unit, char **ret) {
        return get_string_of(m, unit, "FragmentPath", ret);
}

bool manager_needs_reload(Manager *m, const char *unit) {
        _cleanup_free_ char *path = NULL;
        int needed;

        return unit_path(unit, &path) < 0 ||
                        ASK(sd_bus_get_property_trivial(m->bus, DESTINATION, path, UNIT_INTERFACE,
                                        "NeedDaemonReload", NULL, 'b', &needed)) < 0 ||
                        needed;
}

int manager_environments(Manager *m, const char *unit, char ***ret) {
        _cleanup_free_ char *path = NULL;
        int r = unit_path(unit, &path);

        return r < 0 ? r : get_strings(m, path, SERVICE_INTERFACE, "Environment", ret);
}

int manager_environment(Manager *m, const char *unit, const char *variable, char **ret) {
        _cleanup_strv_free_ char **environment = NULL;
        const char *value;
        int r = manager_environments(m, unit, &environment);

        if (r < 0)
                return r;
        value = strv_value(environment, variable);
        if (!value)
                return 0;
        *ret = strdup(value);
        return *ret ? 1 : -ENOMEM;
}

int manager_own_environment(Manager *m, char ***ret) {
        return get_strings(m, PATH, MANAGER_INTERFACE, "Environment", ret);
}
