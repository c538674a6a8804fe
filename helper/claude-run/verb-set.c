/* set: limits and memory of a VM that runs. systemd changes the limits of its unit, the VM's helper asks the
 * guest to do with less memory, and nothing changes before all words are good. Until the VM ends: the next
 * start has what the ini says, which --save writes. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "common/run-program.h"
#include "common/settings.h"
#include "common/similar.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "helper/claude-run/config-edit.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/verbs.h"
#include "helper/claude-run/which-vm.h"
#include "helper/host/architecture.h"
#include "helper/suspend/request.h"

typedef struct Change {
        const Setting *setting;
        const char *value; /* as an ini has it */
        char canonical[SETTING_VALUE_MAX];
} Change;

typedef struct Changes {
        const char *id;
        Change items[N_SETTINGS];
        size_t n;
} Changes;

static bool can_change(const Setting *s) {
        return s == &settings[SETTING_MEMORY_MIB] || s == &settings[SETTING_CPUS] ||
                        setting_is_live_limit(s);
}

static void say_unknown(const char *key) {
        _cleanup_free_ char *list = NEED(strdup(""));
        unsigned best = SIMILAR_NONE;
        const char *nearest = NULL;

        for (size_t i = 0; i < N_SETTINGS; i++) {
                _cleanup_free_ char *longer = NULL;

                if (!can_change(&settings[i]))
                        continue;
                longer = NEED(strjoin(list, list[0] ? " " : "", settings[i].key, NULL));
                free(list);
                list = TAKE_PTR(longer);
                if (similar_is_nearer(key, settings[i].key, &best))
                        nearest = settings[i].key;
        }
        if (nearest)
                fail(EXIT_USAGE, "unknown key '%s', did you mean %s?", key, nearest);
        else
                fail(EXIT_USAGE, "unknown key '%s'; a running VM can change: %s", key, list);
}

/* NULL: it has said why not. */
static const Setting *find_setting(const char *id, const char *key) {
        const Setting *s = settings;

        while (s < settings + N_SETTINGS && strcasecmp(s->key, key) != 0)
                s++;
        if (s == settings + N_SETTINGS) {
                say_unknown(key);
                return NULL;
        }
        if (can_change(s))
                return s;
        fail(EXIT_USAGE,
                        "%s= cannot be changed while a VM runs: write it with claude-run config edit %s, then claude-run restart %s",
                        s->key, id, id);
        return NULL;
}

/* Limits are text for systemd, which checks them. */
static int check_value(Change *change) {
        char why[SETTING_WHY_MAX];

        if (!change->value[0])
                return fail(EXIT_USAGE, "%s= needs a value", change->setting->key);
        for (const char *p = change->value; *p; p++)
                if (iscntrl((unsigned char) *p))
                        return fail(EXIT_USAGE, "%s= has a control character", change->setting->key);
        if (change->setting->becomes == BECOMES_DIRECTIVE ||
                        setting_parse(change->setting, change->value, change->canonical, why) >= 0)
                return 0;
        return fail(EXIT_USAGE, "%s=%s: %s", change->setting->key, change->value, why);
}

static int take_word(Changes *changes, char *word) {
        Change *change = &changes->items[changes->n];
        char *value = strchr(word, '=');
        int r = 0;

        if (!value)
                return fail(EXIT_USAGE, "'%s' is not KEY=VALUE, like memory=2G", word);
        *value++ = '\0';
        change->value = value;
        change->setting = find_setting(changes->id, word);
        if (!change->setting)
                return EXIT_USAGE;
        for (size_t i = 0; r == 0 && i < changes->n; i++)
                if (changes->items[i].setting == change->setting)
                        r = fail(EXIT_USAGE, "%s= is there twice", change->setting->key);
        if (r == 0)
                r = check_value(change);
        changes->n += r == 0;
        return r;
}

static const Change *find_change(const Changes *changes, SettingId id) {
        for (size_t i = 0; i < changes->n; i++)
                if (changes->items[i].setting == &settings[id])
                        return &changes->items[i];
        return NULL;
}

/* What cannot be had now can be had by a restart, if --save has written it. */
static int not_now(const Context *c, const char *id, const Setting *s, const char *value, const char *why) {
        if (c->options->save)
                return fail(0, "%s=%s waits for: claude-run restart %s, because %s", s->key, value, id, why);
        if (!vm_name_is_project(id))
                return fail(EXIT_FAILURE, "%s=%s is not possible: %s. A new VM can have it", s->key, value,
                                why);
        return fail(EXIT_FAILURE,
                        "%s=%s is not possible: %s. Write it with: claude-run set %s %s=%s --save, then: claude-run restart %s",
                        s->key, value, why, id, s->key, value, id);
}

static int set_memory(const Context *c, const Changes *changes) {
        const Change *change = find_change(changes, SETTING_MEMORY_MIB);
        _cleanup_free_ char *why = NULL;
        int r;

        if (!change)
                return 0;
        r = memory_request(c->runtime_dir, changes->id, strtoull(change->canonical, NULL, 10), &why);
        if (r == -EBUSY)
                return not_now(c, changes->id, change->setting, change->value, why);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return fail(EXIT_FAILURE, "VM '%s' does not run", changes->id);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to change the memory of '%s': %s", changes->id,
                                       strerror(-r))
                     : 0;
}

static int set_cpus(Context *c, const Changes *changes, const char *unit) {
        const Change *change = find_change(changes, SETTING_CPUS);
        _cleanup_free_ char *machine = NULL, *why = NULL;

        if (!change)
                return 0;
        if (manager_environment(c->manager, unit, settings[SETTING_MACHINE].variable, &machine) < 0)
                return fail(EXIT_FAILURE, "Failed to look at '%s'", unit);
        why = NEED(strjoin("QEMU's machine '",
                        machine && strcmp(machine, "auto") != 0 ? machine
                                                                : architecture_of_host()->machines[0].word,
                        "' has the CPUs that it was started with (CPUQuota= limits their time at once)",
                        NULL));
        return not_now(c, changes->id, change->setting, change->value, why);
}

/* systemctl reads the values as a unit file has them. */
static int set_limits(const Context *c, const Changes *changes, const char *unit) {
        _cleanup_strv_free_ char **argv = NULL;
        size_t n = 0;
        int r;

        memory_need(strv_extend(&argv, c->options->systemctl, "--user", "set-property", "--runtime", unit,
                                    NULL) >= 0);
        for (size_t i = 0; i < changes->n; i++) {
                const Change *change = &changes->items[i];

                if (!setting_is_live_limit(change->setting))
                        continue;
                memory_need(strv_appendf(&argv, "%s=%s", change->setting->key, change->value) >= 0);
                n++;
        }
        r = n > 0 ? run_program((const char *const *) argv, -1) : 0;
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to run '%s': %s", argv[0], strerror(-r));
        return r == 0 ? 0 : fail(EXIT_FAILURE, "Failed to change '%s'; what is wrong is above", changes->id);
}

static int save(Context *c, const Changes *changes) {
        int r = 0;

        for (size_t i = 0; r == 0 && c->options->save && i < changes->n; i++)
                r = config_set_line(c, changes->id, changes->items[i].setting->section,
                                changes->items[i].setting->key, changes->items[i].value);
        return r;
}

/* systemctl would write limits for a unit that is down, too, and nothing would remove them. */
static int check_up(Context *c, const Changes *changes) {
        bool is_down;
        int r = which_vm_check(c, changes->id);

        if (r == 0 && c->options->save && !vm_name_is_project(changes->id))
                r = fail(EXIT_USAGE, "--save needs an ini, which the ad-hoc VM '%s' does not have",
                                changes->id);
        if (r == 0)
                r = context_vm_is_down(c, changes->id, &is_down);
        if (r == 0 && is_down)
                r = fail(EXIT_FAILURE, "VM '%s' does not run; its settings: claude-run config edit %s",
                                changes->id, changes->id);
        return r;
}

static int apply(Context *c, const Changes *changes) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(changes->id));
        int r = check_up(c, changes);

        /* what may be refused first */
        if (r == 0 && !c->options->save)
                r = set_cpus(c, changes, unit);
        if (r == 0)
                r = set_limits(c, changes, unit);
        if (r == 0)
                r = save(c, changes);
        if (r == 0 && c->options->save)
                r = set_cpus(c, changes, unit);
        return r == 0 ? set_memory(c, changes) : r;
}

/* [NAME] KEY=VALUE… */
int verb_set(Context *c) {
        const RunOptions *o = c->options;
        unsigned first = o->n_words > 0 && !strchr(o->words[0], '=');
        _cleanup_free_ char *id = NULL;
        Changes changes = {};
        int r;

        if (o->n_words == first)
                return fail(EXIT_USAGE, "claude-run set [NAME] KEY=VALUE…, like cpuquota=200%%");
        r = first ? which_vm_resolve(c, o->words[0], &id) : which_vm_here(c, &id);
        if (r == 0 && !id)
                r = fail(EXIT_FAILURE, "no VM of this directory runs");
        changes.id = id;
        for (unsigned i = first; r == 0 && i < o->n_words; i++)
                r = take_word(&changes, o->words[i]);
        return r == 0 ? apply(c, &changes) : r;
}
