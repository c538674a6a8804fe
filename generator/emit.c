/* Two files a project: a drop-in, and the proxy unit that lets it answer to its UUID.
 * The shares need none: their template units learn from the VM's helper what to
 * serve, so that all of a VM's settings stand in one place. */

#include "emit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config.h"
#include "parameters.h"

#define TEMPLATE USER_UNIT_DIR "/claude-vm@.service"

static void unit_name(const char *id, char ret[static 128]) {
        snprintf(ret, 128, "claude-vm@%s.service", id);
}

static const char *options_of(const Share *share) {
        return share->create ? ",create" : share->optional ? ",optional" : "";
}

static void print_setting(FILE *f, const char *name, const char *value) {
        fprintf(f, "%s=", name);
        unit_print_raw(f, value);
        fputc('\n', f);
}

static void print_number(FILE *f, const char *name, uint64_t value) {
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        unit_print_environment(f, name, text);
}

/* The sockets, not the services: a virtiofsd ends with its QEMU, and a restart of
 * the VM would find the dependency gone. They end by themselves when the VM does; one that is stopped before
 * it has begun, while its dev shell is evaluated, has to take them along. */
static void print_share_dependencies(FILE *f, const Project *p) {
        static const char *const settings[] = { "Requires", "After", "PropagatesStopTo" };

        for (size_t s = 0; s < (p->dev_shell ? 3 : 2); s++) {
                fprintf(f, "%s=", settings[s]);
                for (size_t i = 0; i < p->n_shares; i++)
                        fprintf(f, "%sclaude-vm-virtiofsd@%s:%s.socket", i > 0 ? " " : "", p->id,
                                        p->shares[i].tag);
                fputc('\n', f);
        }
}

static void print_shares(FILE *f, const Project *p) {
        for (size_t i = 0; i < p->n_shares; i++) {
                const Share *share = p->shares + i;
                char name[64];

                snprintf(name, sizeof(name), PARAMETER_SHARE_PREFIX "%s", share->tag);
                fprintf(f, "Environment=\"%s=%s%s:", name, share->read_only ? "ro" : "rw",
                                options_of(share));
                unit_print_quoted(f, share->guest_directory);
                fputc(':', f);
                unit_print_quoted(f, share->directory);
                fputs("\"\n", f);
        }
}

static void print_publish(FILE *f, const Project *p) {
        char name[64], text[FORWARD_TEXT_MAX];

        for (size_t i = 0; i < p->n_publish; i++) {
                snprintf(name, sizeof(name), PARAMETER_PUBLISH_PREFIX "%zu", i);
                forward_print(&p->publish[i], text);
                unit_print_environment(f, name, text);
        }
}

static void print_agent(FILE *f, const Project *p) {
        char name[192];

        unit_print_environment(f, PARAMETER_AGENT, p->agent);
        if (strcmp(p->agent_start, "boot") != 0)
                unit_print_environment(f, PARAMETER_AGENT_START, p->agent_start);
        for (size_t i = 0; p->agent_arguments && p->agent_arguments[i]; i++) {
                snprintf(name, sizeof(name), PARAMETER_ARGUMENT_PREFIX "%zu", i);
                unit_print_environment(f, name, p->agent_arguments[i]);
        }
        for (size_t i = 0; i < p->environment.n; i++) {
                snprintf(name, sizeof(name), PARAMETER_ENVIRONMENT_PREFIX "%s",
                                p->environment.items[i].name);
                unit_print_environment(f, name, p->environment.items[i].value);
        }
        for (size_t i = 0; i < p->credentials.n; i++) {
                fprintf(f, "LoadCredential=%s:", p->credentials.items[i].name);
                unit_print_raw(f, p->credentials.items[i].value);
                fputc('\n', f);
        }
        for (size_t i = 0; i < p->encrypted_credentials.n; i++) {
                snprintf(name, sizeof(name), PARAMETER_ENCRYPTED_PREFIX "%s",
                                p->encrypted_credentials.items[i].name);
                unit_print_environment(f, name, p->encrypted_credentials.items[i].value);
        }
}

static void print_vm(FILE *f, const Project *p) {
        fputs("\n[Service]\n", f);
        unit_print_environment(f, PARAMETER_UUID, p->uuid);
        unit_print_environment(f, PARAMETER_WORK_DIRECTORY, p->work_directory);
        unit_print_environment(f, PARAMETER_GUEST, p->guest);
        print_number(f, PARAMETER_MEMORY_MIB, p->memory_mib);
        print_number(f, PARAMETER_CPUS, p->cpus);
        unit_print_environment(f, PARAMETER_ACCELERATOR, p->accelerator);
        unit_print_environment(f, PARAMETER_MACHINE, p->machine);
        unit_print_environment(f, PARAMETER_NETWORK, p->network);
        if (p->dev_shell)
                unit_print_environment(f, PARAMETER_DEV_SHELL, "yes");
        print_publish(f, p);
        print_shares(f, p);
        print_agent(f, p);
        for (size_t i = 0; i < p->service.n; i++)
                fprintf(f, "%s=%s\n", p->service.items[i].name, p->service.items[i].value);
}

static void print_description(FILE *f, const Project *p) {
        fputs("Description=Claude Code microVM ", f);
        if (!p->is_request)
                fprintf(f, "%s ", p->id);
        fputc('(', f);
        unit_print_raw(f, p->work_directory);
        fputs(")\n", f);
}

static int add_vm(UnitWriter *w, const Project *p) {
        char unit[128];
        FILE *f;
        int r;

        unit_name(p->id, unit);
        r = unit_writer_begin_dropin(w, unit, &f);
        if (r < 0)
                return r;
        fputs("[Unit]\n", f);
        print_setting(f, "SourcePath", p->path);
        print_description(f, p);
        print_share_dependencies(f, p);
        fprintf(f, "Wants=claude-vm-ssh@%s.service\n", p->id);
        if (p->dev_shell)
                fprintf(f, "Wants=claude-vm-devshell@%s.service\n", p->id);
        if (p->is_request)
                fputs("CollectMode=inactive-or-failed\n", f);
        print_vm(f, p);
        return unit_writer_end(w);
}

/* What the unit that evaluates the dev shell has to know; the VM's drop-in wants it. */
static int add_dev_shell(UnitWriter *w, const Project *p) {
        char unit[128];
        FILE *f;
        int r;

        snprintf(unit, sizeof(unit), "claude-vm-devshell@%s.service", p->id);
        r = unit_writer_begin_dropin(w, unit, &f);
        if (r < 0)
                return r;
        fputs("[Unit]\n", f);
        print_setting(f, "SourcePath", p->path);
        fputs("\n[Service]\n", f);
        unit_print_environment(f, PARAMETER_UUID, p->uuid);
        unit_print_environment(f, PARAMETER_WORK_DIRECTORY, p->work_directory);
        return unit_writer_end(w);
}

/* systemd has no alias between two instances of a template, so this is a unit of its
 * own that pulls the VM up and goes down with it. */
static int add_proxy(UnitWriter *w, const Project *p) {
        char unit[128];
        FILE *f;
        int r;

        unit_name(p->uuid, unit);
        r = unit_writer_begin_unit(w, unit, &f);
        if (r < 0)
                return r;
        fputs("[Unit]\n", f);
        print_setting(f, "SourcePath", p->path);
        fprintf(f,
                        "Description=Claude Code microVM %1$s, by its UUID\n"
                        "BindsTo=claude-vm@%1$s.service\n"
                        "After=claude-vm@%1$s.service\n"
                        "PropagatesStopTo=claude-vm@%1$s.service\n"
                        "\n[Service]\n"
                        "Type=oneshot\n"
                        "RemainAfterExit=yes\n"
                        "ExecStart=" HELPER_PATH " proxy %1$s\n"
                        "Slice=app-claude.slice\n",
                        p->id);
        return unit_writer_end(w);
}

/* A unit that is there and says why it cannot start. */
static int add_broken(UnitWriter *w, const Project *p) {
        char unit[128];
        FILE *f;
        int r;

        unit_name(p->id, unit);
        r = unit_writer_begin_dropin(w, unit, &f);
        if (r < 0)
                return r;
        fputs("[Unit]\n", f);
        print_setting(f, "SourcePath", p->path);
        fprintf(f, "Description=Claude Code microVM %s (configuration error)\n\n[Service]\n", p->id);
        unit_print_environment(f, PARAMETER_CONFIG_ERROR, p->messages.first_error ?: p->path);
        return unit_writer_end(w);
}

int emit_project(UnitWriter *w, const Project *p) {
        char unit[128];
        int r;

        /* a name that no unit can have: the message is all */
        if (!p->id[0])
                return 0;
        if (p->messages.n_errors > 0)
                return add_broken(w, p);

        r = add_vm(w, p);
        if (r >= 0 && p->dev_shell)
                r = add_dev_shell(w, p);
        if (r >= 0 && !p->is_request)
                r = add_proxy(w, p);
        if (r >= 0 && p->wanted) {
                unit_name(p->id, unit);
                r = unit_writer_want(w, "default.target", unit, TEMPLATE);
        }
        return r;
}
