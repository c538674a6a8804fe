/* One file a project. The shares need none: their template units learn from the VM's
 * helper what to serve, so that all of a VM's settings stand in one place. */

#include "emit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "parameters.h"

#define TEMPLATE USER_UNIT_DIR "/claude-vm@.service"

#define UNIT_NAME_MAX (sizeof("claude-vm@.service") + VM_NAME_MAX)

/* An id has VM_NAME_MAX bytes at most. */
static void unit_name(const char *id, char ret[static UNIT_NAME_MAX]) {
        stpcpy(stpcpy(stpcpy(ret, "claude-vm@"), id), ".service");
}

static const char *options_of(const Share *share) {
        return share->create ? ",create" : share->optional ? ",optional" : "";
}

static void print_setting(UnitWriter *w, const char *name, const char *value) {
        unit_writer_print(w, name, "=", NULL);
        unit_writer_print_raw(w, value);
        unit_writer_print(w, "\n", NULL);
}

static void print_number(UnitWriter *w, const char *name, uint64_t value) {
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        unit_writer_print_environment(w, name, text);
}

/* The sockets, not the services: a virtiofsd ends with its QEMU, and a restart of
 * the VM would find the dependency gone. They end by themselves when the VM does; one that is stopped before
 * it has begun, while its dev shell is evaluated, has to take them along. */
static void print_share_dependencies(UnitWriter *w, const Project *p) {
        static const char *const settings[] = { "Requires", "After", "PropagatesStopTo" };

        for (size_t s = 0; s < (project_has_dev_shell(p) ? 3 : 2); s++) {
                unit_writer_print(w, settings[s], "=", NULL);
                for (size_t i = 0; i < p->n_shares; i++)
                        unit_writer_print(w, i > 0 ? " " : "", "claude-vm-virtiofsd@", p->id, ":",
                                        p->shares[i].tag, ".socket", NULL);
                unit_writer_print(w, "\n", NULL);
        }
}

static void print_shares(UnitWriter *w, const Project *p) {
        for (size_t i = 0; i < p->n_shares; i++) {
                const Share *share = p->shares + i;

                unit_writer_print(w, "Environment=\"" PARAMETER_SHARE_PREFIX, share->tag, "=",
                                share->read_only ? "ro" : "rw", options_of(share), ":", NULL);
                unit_writer_print_quoted(w, share->guest_directory);
                unit_writer_print(w, ":", NULL);
                unit_writer_print_quoted(w, share->directory);
                unit_writer_print(w, "\"\n", NULL);
        }
}

static void print_publish(UnitWriter *w, const Project *p) {
        char name[64], text[FORWARD_TEXT_MAX];

        for (size_t i = 0; i < p->n_publish; i++) {
                snprintf(name, sizeof(name), PARAMETER_PUBLISH_PREFIX "%zu", i);
                forward_print(&p->publish[i], text);
                unit_writer_print_environment(w, name, text);
        }
}

static void print_agent(UnitWriter *w, const Project *p) {
        char name[192];

        unit_writer_print_environment(w, PARAMETER_AGENT, p->agent);
        if (strcmp(p->agent_start, "boot") != 0)
                unit_writer_print_environment(w, PARAMETER_AGENT_START, p->agent_start);
        for (size_t i = 0; p->agent_arguments && p->agent_arguments[i]; i++) {
                snprintf(name, sizeof(name), PARAMETER_ARGUMENT_PREFIX "%zu", i);
                unit_writer_print_environment(w, name, p->agent_arguments[i]);
        }
        for (size_t i = 0; i < p->environment.n; i++) {
                snprintf(name, sizeof(name), PARAMETER_ENVIRONMENT_PREFIX "%s",
                                p->environment.items[i].name);
                unit_writer_print_environment(w, name, p->environment.items[i].value);
        }
        for (size_t i = 0; i < p->credentials.n; i++) {
                unit_writer_print(w, "LoadCredential=", p->credentials.items[i].name, ":", NULL);
                unit_writer_print_raw(w, p->credentials.items[i].value);
                unit_writer_print(w, "\n", NULL);
        }
        for (size_t i = 0; i < p->encrypted_credentials.n; i++) {
                snprintf(name, sizeof(name), PARAMETER_ENCRYPTED_PREFIX "%s",
                                p->encrypted_credentials.items[i].name);
                unit_writer_print_environment(w, name, p->encrypted_credentials.items[i].value);
        }
}

static void print_caller_credentials(UnitWriter *w, const Project *p) {
        if (p->caller_credentials.n == 0)
                return;
        unit_writer_print(w, "Environment=\"" PARAMETER_CALLER_CREDENTIALS "=", NULL);
        for (size_t i = 0; i < p->caller_credentials.n; i++)
                unit_writer_print(w, i > 0 ? " " : "", p->caller_credentials.items[i].name, NULL);
        unit_writer_print(w, "\"\n", NULL);
}

static void print_vm(UnitWriter *w, const Project *p) {
        unit_writer_print(w, "\n[Service]\n", NULL);
        unit_writer_print_environment(w, PARAMETER_UUID, p->uuid);
        unit_writer_print_environment(w, PARAMETER_WORK_DIRECTORY, p->work_directory);
        unit_writer_print_environment(w, PARAMETER_GUEST, p->guest);
        print_number(w, PARAMETER_MEMORY_MIB, p->memory_mib);
        print_number(w, PARAMETER_CPUS, p->cpus);
        unit_writer_print_environment(w, PARAMETER_ACCELERATOR, p->accelerator);
        unit_writer_print_environment(w, PARAMETER_MACHINE, p->machine);
        unit_writer_print_environment(w, PARAMETER_NETWORK, p->network);
        if (project_has_dev_shell(p))
                unit_writer_print_environment(w, PARAMETER_DEV_SHELL, p->dev_shell);
        print_publish(w, p);
        print_shares(w, p);
        print_agent(w, p);
        print_caller_credentials(w, p);
        for (size_t i = 0; i < p->service.n; i++)
                unit_writer_print(w, p->service.items[i].name, "=", p->service.items[i].value, "\n", NULL);
}

static void print_description(UnitWriter *w, const Project *p) {
        unit_writer_print(w, "Description=Claude Code microVM ", NULL);
        if (!p->is_request)
                unit_writer_print(w, p->id, " ", NULL);
        unit_writer_print(w, "(", NULL);
        unit_writer_print_raw(w, p->work_directory);
        unit_writer_print(w, ")\n", NULL);
}

/* systemd says by itself when the file that SourcePath= names is newer than what it has read. */
static int begin_dropin(UnitWriter *w, const char *unit, const Project *p) {
        int r = unit_writer_begin_dropin(w, unit);

        if (r < 0)
                return r;
        unit_writer_print(w, "[Unit]\n", NULL);
        print_setting(w, "SourcePath", p->path);
        return 0;
}

static int add_vm(UnitWriter *w, const Project *p) {
        char unit[UNIT_NAME_MAX];
        int r;

        unit_name(p->id, unit);
        r = begin_dropin(w, unit, p);
        if (r < 0)
                return r;
        print_description(w, p);
        print_share_dependencies(w, p);
        unit_writer_print(w, "Wants=claude-vm-ssh@", p->id, ".service\n", NULL);
        if (project_has_dev_shell(p))
                unit_writer_print(w, "Wants=claude-vm-devshell@", p->id, ".service\n", NULL);
        if (p->is_request)
                unit_writer_print(w, "CollectMode=inactive-or-failed\n", NULL);
        print_vm(w, p);
        return unit_writer_end(w);
}

/* What the unit that evaluates the dev shell has to know; the VM's drop-in wants it. */
static int add_dev_shell(UnitWriter *w, const Project *p) {
        char unit[sizeof("claude-vm-devshell@.service") + VM_NAME_MAX];
        int r;

        snprintf(unit, sizeof(unit), "claude-vm-devshell@%s.service", p->id);
        r = begin_dropin(w, unit, p);
        if (r < 0)
                return r;
        unit_writer_print(w, "\n[Service]\n", NULL);
        unit_writer_print_environment(w, PARAMETER_UUID, p->uuid);
        unit_writer_print_environment(w, PARAMETER_WORK_DIRECTORY, p->work_directory);
        unit_writer_print_environment(w, PARAMETER_DEV_SHELL, p->dev_shell);
        return unit_writer_end(w);
}

/* A unit that is there and says why it cannot start. */
static int add_broken(UnitWriter *w, const Project *p) {
        char unit[UNIT_NAME_MAX];
        int r;

        unit_name(p->id, unit);
        r = begin_dropin(w, unit, p);
        if (r < 0)
                return r;
        unit_writer_print(w, "Description=Claude Code microVM ", p->id,
                        " (configuration error)\n\n[Service]\n", NULL);
        unit_writer_print_environment(w, PARAMETER_CONFIG_ERROR, p->messages.first_error ?: p->path);
        return unit_writer_end(w);
}

int emit_project(UnitWriter *w, const Project *p) {
        char unit[UNIT_NAME_MAX];
        int r;

        /* a name that no unit can have: the message is all */
        if (!p->id[0])
                return 0;
        if (p->messages.n_errors > 0)
                return add_broken(w, p);

        r = add_vm(w, p);
        if (r >= 0 && project_has_dev_shell(p))
                r = add_dev_shell(w, p);
        if (r >= 0 && p->wanted) {
                unit_name(p->id, unit);
                r = unit_writer_want(w, "default.target", unit, TEMPLATE);
        }
        return r;
}
