/* The generator has checked all of this; a drop-in made by hand has not been. */

#include "helper/parameters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/path.h"
#include "common/printable.h"
#include "common/share-tag.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "config.h"

static int refuse(char **ret_why, const char *name, const char *value, const char *remedy) {
        if (asprintf(ret_why, "%s=%s in the unit: %s", name, value ?: "", remedy) < 0) {
                *ret_why = NULL;
                return -ENOMEM;
        }
        return -EINVAL;
}

/* `tag` ends at the `=`; OPTIONS:GUESTDIR:HOSTDIR follows. */
static int add_share(Parameters *p, const char *tag, char **ret_why) {
        const char *equals = strchr(tag, '='), *value = equals ? equals + 1 : "", *guest, *host;
        ShareParameters *grown, share = {};

        guest = strchr(value, ':');
        host = guest ? strchr(guest + 1, ':') : NULL;
        if (!equals || !share_tag_is_valid(tag, (size_t) (equals - tag)) || !host || guest[1] != '/' ||
                        host[1] != '/' || (strncmp(value, "rw", 2) != 0 && strncmp(value, "ro", 2) != 0))
                return refuse(ret_why, "CLAUDE_VM_SHARE_…", tag,
                                "must be TAG=rw:GUESTDIR:HOSTDIR or ro:…, with absolute directories");
        grown = reallocarray(p->shares, p->n_shares + 1, sizeof(share));
        if (!grown)
                return -ENOMEM;
        p->shares = grown;
        share.tag = strndup(tag, (size_t) (equals - tag));
        share.guest_directory = strndup(guest + 1, (size_t) (host - guest - 1));
        share.directory = strdup(host + 1);
        share.read_only = value[1] == 'o';
        share.create = memmem(value, (size_t) (guest - value), ",create", strlen(",create"));
        share.named = memmem(value, (size_t) (guest - value), ",named", strlen(",named"));
        share.optional = share.named ||
                        memmem(value, (size_t) (guest - value), ",optional", strlen(",optional"));
        p->shares[p->n_shares++] = share;
        return share.tag && share.guest_directory && share.directory ? 0 : -ENOMEM;
}

static int compare_shares(const void *a, const void *b) {
        const ShareParameters *x = a, *y = b;

        return strcmp(x->guest_directory, y->guest_directory);
}

/* In the order in which the guest mounts them: a directory comes before what lies in it, or would hide it.
 */
static int read_shares(Parameters *p, char *const *variables, char **ret_why) {
        size_t n = strlen(PARAMETER_SHARE_PREFIX);
        int r;

        for (; *variables; variables++) {
                if (strncmp(*variables, PARAMETER_SHARE_PREFIX, n) != 0)
                        continue;
                r = add_share(p, *variables + n, ret_why);
                if (r < 0)
                        return r;
        }
        if (p->n_shares > 0)
                qsort(p->shares, p->n_shares, sizeof(ShareParameters), compare_shares);
        return 0;
}

static int read_arguments(Parameters *p, char *const *variables) {
        char name[sizeof(PARAMETER_ARGUMENT_PREFIX) + 3 * sizeof(unsigned)];
        const char *value;

        for (unsigned i = 0;; i++) {
                snprintf(name, sizeof(name), PARAMETER_ARGUMENT_PREFIX "%u", i);
                value = strv_value(variables, name);
                if (!value)
                        return 0;
                if (strv_append(&p->arguments, value) < 0)
                        return -ENOMEM;
        }
}

static int read_publish(Parameters *p, char *const *variables, char **ret_why) {
        char name[sizeof(PARAMETER_PUBLISH_PREFIX) + 3 * sizeof(unsigned)];

        for (unsigned i = 0; i < PUBLISH_MAX; i++) {
                PortForward *grown;
                const char *value;

                snprintf(name, sizeof(name), PARAMETER_PUBLISH_PREFIX "%u", i);
                value = strv_value(variables, name);
                if (!value)
                        return 0;
                grown = reallocarray(p->publish, i + 1, sizeof(PortForward));
                if (!grown)
                        return -ENOMEM;
                p->publish = grown;
                if (port_forward_parse(value, &p->publish[i]) < 0)
                        return refuse(ret_why, name, value, "must be ADDRESS:HOSTPORT:GUESTPORT");
                p->n_publish++;
        }
        return 0;
}

/* Collects the variables with a prefix, without the prefix. */
static int read_assignments(char *const *variables, const char *prefix, char ***ret) {
        size_t n = strlen(prefix);

        for (; *variables; variables++)
                if (strncmp(*variables, prefix, n) == 0 && strv_append(ret, *variables + n) < 0)
                        return -ENOMEM;
        return 0;
}

static int no_such_project(const char *id, char *const *variables, char **ret_why) {
        const char *config = strv_value(variables, "XDG_CONFIG_HOME");
        int r;

        if (config)
                r = asprintf(ret_why,
                                "No project '%s': looked for %s/claude-microvm/%s.ini and " SYSTEM_CONFIG_DIR
                                "/%s.ini. Write one, then: systemctl --user daemon-reload",
                                id, config, id, id);
        else
                r = asprintf(ret_why,
                                "No project '%s': looked for ~/.config/claude-microvm/%s.ini and " SYSTEM_CONFIG_DIR
                                "/%s.ini. Write one, then: systemctl --user daemon-reload",
                                id, id, id);
        if (r < 0) {
                *ret_why = NULL;
                return -ENOMEM;
        }
        return -EINVAL;
}

/* A component of a path below the repository. */
static int read_git_worktree(Parameters *p, char *const *variables, char **ret_why) {
        const char *name = strv_value(variables, PARAMETER_GIT_WORKTREE);

        if (name && (!name[0] || strchr(name, '/') || path_is_dots(name) || printable_check(name)))
                return refuse(ret_why, PARAMETER_GIT_WORKTREE, name, "must be the name of a directory");
        p->git_worktree = name;
        return 0;
}

static int read_settings(Parameters *p, char *const *variables, char **ret_why) {
        char why[SETTING_WHY_MAX];

        for (size_t i = 0; i < N_SETTINGS; i++) {
                const Setting *s = &settings[i];

                if (s->becomes != BECOMES_VARIABLE)
                        continue;
                /* borrowed, and never changed; the type is that of Project, which owns its values */
                p->values[i] = (char *) strv_value(variables, s->variable);
                if (p->values[i] && setting_check(s, p->values[i], why) < 0)
                        return refuse(ret_why, s->variable, p->values[i], why);
        }
        p->dev_shell = dev_shell_kind(setting_value(p->values, SETTING_DEV_SHELL));
        return 0;
}

int parameters_read(const char *id, char *const *variables, Parameters **ret, char **ret_why) {
        _cleanup_(parameters_cleanup) Parameters *p = calloc(1, sizeof(Parameters));
        const char *error = strv_value(variables, PARAMETER_CONFIG_ERROR),
                   *uuid = strv_value(variables, PARAMETER_UUID);
        int r;

        if (!p)
                return -ENOMEM;
        if (error) {
                *ret_why = strdup(error);
                return *ret_why ? -EINVAL : -ENOMEM;
        }
        if (!uuid)
                return no_such_project(id, variables, ret_why);
        if (!vm_name_is_uuid(uuid))
                return refuse(ret_why, PARAMETER_UUID, uuid, "must be a UUID");
        p->id = id;
        p->uuid = uuid;
        p->caller_credentials = strv_value(variables, PARAMETER_CALLER_CREDENTIALS) ?: "";
        p->api_keys = strv_value(variables, PARAMETER_API_KEYS) ?: "";
        r = read_settings(p, variables, ret_why);
        if (r >= 0)
                r = read_shares(p, variables, ret_why);
        if (r >= 0)
                r = read_git_worktree(p, variables, ret_why);
        if (r >= 0)
                r = read_publish(p, variables, ret_why);
        if (r >= 0)
                r = read_arguments(p, variables);
        if (r >= 0)
                r = read_assignments(variables, PARAMETER_ENVIRONMENT_PREFIX, &p->environment);
        if (r >= 0)
                r = read_assignments(variables, PARAMETER_ENCRYPTED_PREFIX, &p->encrypted_credentials);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

int parameters_read_encrypted(char *const *variables, char ***ret) {
        return read_assignments(variables, PARAMETER_ENCRYPTED_PREFIX, ret);
}

static void share_done(ShareParameters *share) {
        free(share->tag);
        free(share->guest_directory);
        free(share->directory);
}

void parameters_drop_missing_shares(Parameters *p) {
        unsigned n = 0;

        for (unsigned i = 0; i < p->n_shares; i++)
                if (p->shares[i].optional && access(p->shares[i].directory, F_OK) < 0)
                        share_done(&p->shares[i]);
                else
                        p->shares[n++] = p->shares[i];
        p->n_shares = n;
}

const ShareParameters *parameters_share(const Parameters *p, const char *tag) {
        for (unsigned i = 0; i < p->n_shares; i++)
                if (strcmp(p->shares[i].tag, tag) == 0)
                        return &p->shares[i];
        return NULL;
}

const char *parameters_share_directory(const Parameters *p, const char *tag) {
        const ShareParameters *share = parameters_share(p, tag);

        return share ? share->directory : NULL;
}

int parameters_move_to_work(Parameters *p) {
        const ShareParameters *work = parameters_share(p, "work");
        _cleanup_free_ char *from = work ? strdup(work->guest_directory) : NULL;

        if (work && !from)
                return -ENOMEM;
        if (!work || strcmp(from, GUEST_WORK) == 0)
                return 0;
        for (unsigned i = 0; i < p->n_shares; i++) {
                char **place = &p->shares[i].guest_directory, *moved;

                if (!path_is_in(*place, from))
                        continue;
                moved = strjoin(GUEST_WORK, *place + strlen(from), NULL);
                if (!moved)
                        return -ENOMEM;
                free(*place);
                *place = moved;
        }
        qsort(p->shares, p->n_shares, sizeof(ShareParameters), compare_shares);
        return 1;
}

const char *parameters_share_guest_directory(const Parameters *p, const char *tag) {
        const ShareParameters *share = parameters_share(p, tag);

        return share ? share->guest_directory : NULL;
}

const char *parameters_writable_work_directory(const Parameters *p) {
        const ShareParameters *work = parameters_share(p, "work");

        return work && !work->read_only && !setting_is(p->values, SETTING_WORKSPACE, "copy")
                        ? work->directory
                        : NULL;
}

Parameters *parameters_free(Parameters *p) {
        if (!p)
                return NULL;
        for (unsigned i = 0; i < p->n_shares; i++)
                share_done(&p->shares[i]);
        free(p->shares);
        strv_free(p->arguments);
        strv_free(p->environment);
        strv_free(p->encrypted_credentials);
        free(p->publish);
        free(p);
        return NULL;
}
