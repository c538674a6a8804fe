/* One file a project, as far as that is possible: to make a directory and a file in it is what the
 * generator's time goes to. The shares and the network have none: their template units learn from the VM's
 * helper what to serve, and from the VM's unit what to let through. A drop-in of its own has a unit that
 * loads other credentials than the VM does, or has another setting of systemd's. */

#include "generator/emit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/drop-in.h"
#include "common/share-tag.h"
#include "config.h"
#include "generator/api-proxy.h"

#define TEMPLATE USER_UNIT_DIR "/claude-vm@.service"

#define UNIT_NAME_MAX (sizeof("claude-vm@.service") + VM_NAME_MAX)
#define PART_MAX sizeof("-devshell")

/* An id has VM_NAME_MAX bytes at most. */
static void unit_name(const char *id, char ret[static UNIT_NAME_MAX]) {
        stpcpy(stpcpy(stpcpy(ret, "claude-vm@"), id), ".service");
}

static const char *options_of(const Share *share) {
        return share->create ? ",create" : share->named ? ",named" : share->optional ? ",optional" : "";
}

/* A line with the unit of each share. `suffix`: ".socket" or ".service". */
static void print_share_units(UnitWriter *w, const Project *p, const char *directive, const char *suffix) {
        unit_writer_print_raw(w, directive);
        for (size_t i = 0; i < p->n_shares; i++) {
                unit_writer_print_raw(w, i > 0 ? " " : "=");
                unit_writer_print_literal(w, "claude-vm-virtiofsd@");
                unit_writer_print_raw(w, p->id);
                unit_writer_print_literal(w, ":");
                unit_writer_print_raw(w, p->shares[i].tag);
                unit_writer_print_raw(w, suffix);
        }
        unit_writer_print_literal(w, "\n");
}

/* The sockets, not the services: a virtiofsd ends with its QEMU, and a restart of the VM would find the
 * dependency gone. A socket's end ends its service, which must not happen while the guest still writes: that
 * is the order of the services. */
static void print_share_dependencies(UnitWriter *w, const Project *p) {
        print_share_units(w, p, "Requires", ".socket");
        print_share_units(w, p, "After", ".socket");
        print_share_units(w, p, "After", ".service");
}

/* In a unit that the VM waits for. systemd looks for what is unneeded when a unit has started, but not when
 * the start of one that waits is cancelled or fails (https://github.com/systemd/systemd/issues/41234), so
 * nothing may be there before. PropagatesStopTo= would turn the failure of a start into a stop. */
static void print_before_shares(UnitWriter *w, const Project *p) {
        print_share_units(w, p, "Before", ".socket");
}

static void print_shares(UnitWriter *w, const Project *p) {
        for (size_t i = 0; i < p->n_shares; i++) {
                const Share *share = p->shares + i;

                unit_writer_begin_line(w, "environment", "Environment=\"");
                unit_writer_print_literal(w, PARAMETER_SHARE_PREFIX);
                unit_writer_print_quoted(w, share->tag);
                unit_writer_print_raw(w, share->read_only ? "=ro" : "=rw");
                unit_writer_print_raw(w, options_of(share));
                unit_writer_print_literal(w, ":");
                unit_writer_print_quoted(w, share->guest_directory);
                unit_writer_print_literal(w, ":");
                unit_writer_print_quoted(w, share->directory);
                unit_writer_end_line(w, "\"");
        }
}

static void print_publish(UnitWriter *w, const Project *p) {
        char name[64], text[PORT_FORWARD_TEXT_MAX];

        for (size_t i = 0; i < p->n_publish; i++) {
                snprintf(name, sizeof(name), PARAMETER_PUBLISH_PREFIX "%zu", i);
                port_forward_print(&p->publish[i], text);
                unit_writer_print_environment(w, name, text);
        }
}

static void print_allow(UnitWriter *w, const Project *p) {
        char name[64];

        for (size_t i = 0; p->allow && p->allow[i]; i++) {
                snprintf(name, sizeof(name), PARAMETER_ALLOW_PREFIX "%zu", i);
                unit_writer_print_environment(w, name, p->allow[i]);
        }
}

static void print_agent(UnitWriter *w, const Project *p) {
        char name[192];

        for (size_t i = 0; p->agent_arguments && p->agent_arguments[i]; i++) {
                snprintf(name, sizeof(name), PARAMETER_ARGUMENT_PREFIX "%zu", i);
                unit_writer_print_environment_text(w, name, p->agent_arguments[i]);
        }
        for (size_t i = 0; i < p->environment.n; i++) {
                if (api_proxy_replaces(p, p->environment.items[i].name))
                        continue;
                snprintf(name, sizeof(name), PARAMETER_ENVIRONMENT_PREFIX "%s",
                                p->environment.items[i].name);
                unit_writer_print_environment_text(w, name, p->environment.items[i].value);
        }
}

/* The VM's half of it; the ssh master has the other. */
static void print_agent_forward(UnitWriter *w, const Project *p) {
        if (setting_is(p->values, SETTING_AGENT_FORWARD, "yes"))
                unit_writer_print_environment(
                                w, PARAMETER_ENVIRONMENT_PREFIX "SSH_AUTH_SOCK", GUEST_SSH_AGENT);
}

static bool has_clipboard(const Project *p) {
        return setting_is(p->values, SETTING_CLIPBOARD, "image");
}

/* The same for the clipboard. */
static void print_clipboard(UnitWriter *w, const Project *p) {
        if (has_clipboard(p))
                unit_writer_print_environment(
                                w, PARAMETER_ENVIRONMENT_PREFIX "CLAUDE_VM_CLIPBOARD", GUEST_CLIPBOARD);
}

/* Names of variables with blanks between, one variable of the unit. */
typedef struct NameList {
        UnitWriter *writer;
        const char *variable;
        bool begun;
} NameList;

static void name_list_add(NameList *l, const char *name) {
        if (!l->begun) {
                unit_writer_begin_line(l->writer, "environment", "Environment=\"");
                unit_writer_print_quoted(l->writer, l->variable);
        }
        unit_writer_print_raw(l->writer, l->begun ? " " : "=");
        unit_writer_print_quoted(l->writer, name);
        l->begun = true;
}

static void name_list_end(NameList *l) {
        if (l->begun)
                unit_writer_end_line(l->writer, "\"");
}

/* Those of the API proxy, or those that the guest gets. */
static void print_credentials(UnitWriter *w, const Project *p, bool of_proxy) {
        char name[192];

        for (size_t i = 0; i < p->credentials.n; i++) {
                if (api_proxy_keeps(p, p->credentials.items[i].name) != of_proxy)
                        continue;
                unit_writer_begin_line(w, "credential", "LoadCredential=");
                unit_writer_print_raw(w, p->credentials.items[i].name);
                unit_writer_print_literal(w, ":");
                unit_writer_print_raw(w, p->credentials.items[i].value);
                unit_writer_end_line(w, "");
        }
        for (size_t i = 0; i < p->encrypted_credentials.n; i++) {
                if (api_proxy_keeps(p, p->encrypted_credentials.items[i].name) != of_proxy)
                        continue;
                snprintf(name, sizeof(name), PARAMETER_ENCRYPTED_PREFIX "%s",
                                p->encrypted_credentials.items[i].name);
                unit_writer_print_environment(w, name, p->encrypted_credentials.items[i].value);
        }
}

/* claude-run hands over what the VM's own drop-in names, whichever unit it is for. */
static void print_caller_credentials(UnitWriter *w, const Project *p, bool all) {
        NameList list = { .writer = w, .variable = PARAMETER_CALLER_CREDENTIALS };

        for (size_t i = 0; i < p->caller_credentials.n; i++)
                if (all || api_proxy_keeps(p, p->caller_credentials.items[i].name))
                        name_list_add(&list, p->caller_credentials.items[i].name);
        name_list_end(&list);
}

/* The names of the proxy's secrets: its own drop-in reads them, and the VM's helper leaves them alone. */
static void print_api_keys(UnitWriter *w, const Project *p) {
        NameList list = { .writer = w, .variable = PARAMETER_API_KEYS };
        const char *secret;

        for (size_t i = 0; (secret = project_secret(p, i)); i++)
                if (api_proxy_keeps(p, secret))
                        name_list_add(&list, secret);
        name_list_end(&list);
}

/* What the agent in the guest gets instead. */
static void print_placeholders(UnitWriter *w, const Project *p) {
        char name[192], url[API_URL_MAX];
        const char *secret;

        for (size_t i = 0; (secret = project_secret(p, i)); i++) {
                const ApiKey *key = api_key_find(p->api->agent, secret);

                if (!key)
                        continue;
                snprintf(name, sizeof(name), PARAMETER_ENVIRONMENT_PREFIX "%s", key->secret);
                unit_writer_print_environment(w, name, key->placeholder);
        }
        snprintf(name, sizeof(name), PARAMETER_ENVIRONMENT_PREFIX "%s", p->api->base_variable);
        api_print_guest_url(p->api, url);
        unit_writer_print_environment(w, name, url);
}

static void print_api_upstream(UnitWriter *w, const Project *p) {
        char url[API_URL_MAX];

        if (!p->api)
                return;
        api_upstream_print(&p->upstream, url);
        unit_writer_print_environment(w, PARAMETER_API_UPSTREAM, url);
}

/* The colon ends the identity, which has none itself. */
static void print_defaults(UnitWriter *w, const Project *p) {
        for (size_t i = 0; p->defaults && i < p->defaults->n; i++) {
                char name[64];

                snprintf(name, sizeof(name), PARAMETER_DEFAULTS_PREFIX "%zu=", i);
                unit_writer_begin_line(w, "environment", "Environment=\"");
                unit_writer_print_verbatim(w, name);
                unit_writer_print_quoted(w, p->defaults->items[i].id);
                unit_writer_print_literal(w, ":");
                unit_writer_print_quoted(w, p->defaults->paths[i]);
                unit_writer_end_line(w, "\"");
        }
}

/* What a start compares with the files as they are then. */
static void print_config(UnitWriter *w, const Project *p) {
        char name[64];
        unsigned n = 0;

        for (; p->earlier && p->earlier[n]; n++) {
                snprintf(name, sizeof(name), PARAMETER_CONFIG_FILE_PREFIX "%u", n);
                unit_writer_print_environment(w, name, p->earlier[n]);
        }
        snprintf(name, sizeof(name), PARAMETER_CONFIG_FILE_PREFIX "%u", n);
        unit_writer_print_environment(w, name, p->path);
        if (p->file.id[0])
                unit_writer_print_environment(w, PARAMETER_CONFIG_ID, p->file.id);
        print_defaults(w, p);
}

/* What the ini sets; the helper knows the defaults. */
static void print_setting(UnitWriter *w, const Project *p, SettingId id) {
        if (p->values[id])
                unit_writer_print_environment(w, settings[id].variable, p->values[id]);
}

static void print_settings(UnitWriter *w, const Project *p) {
        for (SettingId id = 0; id < N_SETTINGS; id++)
                if (settings[id].becomes == BECOMES_VARIABLE)
                        print_setting(w, p, id);
}

static void print_directives(UnitWriter *w, const Project *p) {
        for (size_t i = 0; i < N_SETTINGS; i++) {
                if (settings[i].becomes != BECOMES_DIRECTIVE || !p->values[i])
                        continue;
                unit_writer_begin_line(w, "directive", "");
                unit_writer_print_verbatim(w, settings[i].key);
                unit_writer_print_literal(w, "=");
                unit_writer_print_verbatim(w, p->values[i]);
                unit_writer_end_line(w, "");
        }
}

/* What [Service] of each of the VM's units begins with. */
static void begin_service(UnitWriter *w, const Project *p) {
        unit_writer_print_literal(w, "\n[Service]\n");
        print_config(w, p);
        unit_writer_print_environment(w, PARAMETER_UUID, p->uuid);
}

static void print_vm(UnitWriter *w, const Project *p) {
        begin_service(w, p);
        print_settings(w, p);
        print_publish(w, p);
        print_allow(w, p);
        print_api_upstream(w, p);
        print_shares(w, p);
        if (p->git_link[0])
                unit_writer_print_environment(w, PARAMETER_GIT_LINK, p->git_link);
        if (p->worktree)
                unit_writer_print_environment(w, PARAMETER_GIT_WORKTREE, p->worktree);
        print_agent(w, p);
        print_agent_forward(w, p);
        print_clipboard(w, p);
        print_credentials(w, p, false);
        print_caller_credentials(w, p, true);
        if (p->api) {
                print_placeholders(w, p);
                print_api_keys(w, p);
        }
        print_directives(w, p);
}

static void print_description(UnitWriter *w, const Project *p) {
        unit_writer_print_literal(w, "Description=Claude Code microVM ");
        if (!p->is_request) {
                unit_writer_print_raw(w, p->id);
                unit_writer_print_literal(w, " ");
        }
        unit_writer_print_literal(w, "(");
        unit_writer_print_raw(w, p->values[SETTING_WORK_DIRECTORY]);
        unit_writer_print_literal(w, ")\n");
}

/* systemd itself reports when the file of SourcePath= is newer than the unit that it has loaded. */
static int begin_dropin(UnitWriter *w, const char *unit, const char *source) {
        int r = unit_writer_begin_dropin(w, unit);

        if (r < 0)
                return r;
        unit_writer_print_literal(w, "[Unit]\n");
        if (source) {
                unit_writer_print_literal(w, "SourcePath=");
                unit_writer_print_raw(w, source);
                unit_writer_print_literal(w, "\n");
        }
        return 0;
}

/* Begins the drop-in of a unit that belongs to the VM and is an instance like it: claude-vm-PART@ID.service.
 */
static int begin_part(UnitWriter *w, const Project *p, const char *part) {
        char unit[UNIT_NAME_MAX + PART_MAX];

        snprintf(unit, sizeof(unit), "claude-vm-%s@%s.service", part, p->id);
        return begin_dropin(w, unit, p->path);
}

static void print_want(UnitWriter *w, const Project *p, const char *part) {
        unit_writer_begin_line(w, "wants", "Wants=");
        unit_writer_print_literal(w, "claude-vm-");
        unit_writer_print_raw(w, part);
        unit_writer_print_literal(w, "@");
        unit_writer_print_raw(w, p->id);
        unit_writer_print_literal(w, ".service");
        unit_writer_end_line(w, "");
}

/* The socket is there before the VM's ssh master looks for it; the service ends with the VM because of this.
 */
static void print_clipboard_wants(UnitWriter *w, const Project *p) {
        if (!has_clipboard(p))
                return;
        unit_writer_print_literal(w, "Wants=claude-vm-clipboard@");
        unit_writer_print_raw(w, p->id);
        unit_writer_print_literal(w, ".socket\n");
        print_want(w, p, "clipboard");
}

/* Leaves ad-hoc VMs out: a later start finds no ini of theirs. */
static bool suspends_at_shutdown(const Project *p) {
        return !p->is_request && setting_is(p->values, SETTING_SHUTDOWN, "suspend");
}

static bool needs_proxy(const Project *p) {
        return p->api || setting_is(p->values, SETTING_NETWORK, "allow");
}

/* With Mode=none nothing leads out of the VM's network but the API proxy. */
static void print_network_wants(UnitWriter *w, const Project *p) {
        bool is_none = setting_is(p->values, SETTING_NETWORK, "none");

        if (p->api || !is_none)
                print_want(w, p, "pasta");
        if (!is_none)
                print_want(w, p, "dns");
        if (needs_proxy(p))
                print_want(w, p, "proxy");
}

static void print_wants(UnitWriter *w, const Project *p) {
        print_network_wants(w, p);
        print_want(w, p, "ssh");
        if (project_has_dev_shell(p))
                print_want(w, p, "devshell");
        if (suspends_at_shutdown(p))
                print_want(w, p, "suspend");
        print_clipboard_wants(w, p);
}

/* The VM's network is there before the VM is, and ends after it; so is a proxy that has secrets to read. */
static void print_network_dependencies(UnitWriter *w, const Project *p) {
        print_want(w, p, "net");
        unit_writer_print_literal(w, "After=claude-vm-net@");
        unit_writer_print_raw(w, p->id);
        if (p->api) {
                unit_writer_print_literal(w, ".service claude-vm-proxy@");
                unit_writer_print_raw(w, p->id);
        }
        unit_writer_print_literal(w, ".service\n");
}

/* The copy is made before the VM starts, by a unit that has nothing to do if there is one. */
static void print_copy_dependencies(UnitWriter *w, const Project *p) {
        static const char *const directives[] = { "Requires", "After" };

        for (size_t i = 0; project_has_copy(p) && i < sizeof(directives) / sizeof(directives[0]); i++) {
                unit_writer_print_raw(w, directives[i]);
                unit_writer_print_literal(w, "=claude-vm-copy@");
                unit_writer_print_raw(w, p->id);
                unit_writer_print_literal(w, ".service\n");
        }
}

static int print_dropin(UnitWriter *w, const Project *p) {
        char unit[UNIT_NAME_MAX];
        int r;

        unit_name(p->id, unit);
        r = begin_dropin(w, unit, p->path);
        if (r < 0)
                return r;
        print_description(w, p);
        print_share_dependencies(w, p);
        print_copy_dependencies(w, p);
        print_network_dependencies(w, p);
        print_wants(w, p);
        if (p->is_request)
                unit_writer_print_literal(w, "CollectMode=inactive-or-failed\n");
        print_vm(w, p);
        return 0;
}

/* Writes the parameters of the unit that evaluates the dev shell. The VM's drop-in wants that unit. */
static int add_dev_shell(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "devshell");

        if (r < 0)
                return r;
        print_before_shares(w, p);
        begin_service(w, p);
        print_setting(w, p, SETTING_WORK_DIRECTORY);
        print_setting(w, p, SETTING_DEV_SHELL);
        return unit_writer_end(w);
}

static bool lends_agent(const Project *p) {
        return setting_is(p->values, SETTING_AGENT_FORWARD, "yes");
}

/* Lends the user's ssh agent, which may have its socket in /tmp, and the clipboard to the ssh master. */
static int add_ssh(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "ssh");

        if (r < 0)
                return r;
        unit_writer_print_literal(w, "\n[Service]\n");
        if (lends_agent(p)) {
                unit_writer_print_literal(w, "PrivateTmp=no\n");
                unit_writer_print_environment(w, settings[SETTING_AGENT_FORWARD].variable, "yes");
        }
        if (has_clipboard(p))
                unit_writer_print_environment(w, settings[SETTING_CLIPBOARD].variable, "image");
        return unit_writer_end(w);
}

/* Writes the parameters of the unit that makes the copy. */
static int add_copy(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "copy");

        if (r < 0)
                return r;
        print_before_shares(w, p);
        begin_service(w, p);
        print_setting(w, p, SETTING_WORK_DIRECTORY);
        print_setting(w, p, SETTING_WORKSPACE);
        print_setting(w, p, SETTING_COPY_MAX_MIB);
        return unit_writer_end(w);
}

/* Writes the parameters of the proxy that holds the keys. One that only filters names needs none. */
static int add_proxy(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "proxy");

        if (r < 0)
                return r;
        print_before_shares(w, p);
        begin_service(w, p);
        print_api_upstream(w, p);
        unit_writer_print_environment(w, settings[SETTING_AGENT].variable, p->api->agent);
        print_setting(w, p, SETTING_BUDGET);
        print_api_keys(w, p);
        print_credentials(w, p, true);
        print_caller_credentials(w, p, false);
        return unit_writer_end(w);
}

/* Writes when the VM is suspended at the end of the session: before its shares end, too. */
static int add_suspend(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "suspend");

        if (r < 0)
                return r;
        print_share_units(w, p, "After", ".service");
        return unit_writer_end(w);
}

/* True if there are shares whose names the template of the network does not know. */
static bool names_shares(const Project *p) {
        for (size_t i = 0; i < p->n_shares; i++)
                if (!share_tag_is_reserved(p->shares[i].tag))
                        return true;
        return false;
}

static int add_network(UnitWriter *w, const Project *p) {
        int r = begin_part(w, p, "net");

        if (r < 0)
                return r;
        if (names_shares(p))
                print_before_shares(w, p);
        /* nobody comes back to that of an ad-hoc VM that has failed */
        if (p->is_request)
                unit_writer_print_literal(w, "CollectMode=inactive-or-failed\n");
        return unit_writer_end(w);
}

/* True if a unit may have the names of all files that could be this project's ini. */
static bool can_name_files(const Project *p) {
        for (char *const *earlier = p->earlier; earlier && *earlier; earlier++)
                if (unit_writer_refuses(*earlier))
                        return false;
        for (size_t i = 0; p->defaults && i < p->defaults->n; i++)
                if (unit_writer_refuses(p->defaults->paths[i]))
                        return false;
        return !unit_writer_refuses(p->path);
}

/* Writes a unit that exists and says why it cannot start. The name of the ini itself may be what is wrong.
 */
static int add_broken(UnitWriter *w, const Project *p) {
        bool can_name = can_name_files(p);
        char unit[UNIT_NAME_MAX];
        int r;

        unit_name(p->id, unit);
        r = begin_dropin(w, unit, can_name ? p->path : NULL);
        if (r < 0)
                return r;
        unit_writer_print_literal(w, "Description=Claude Code microVM ");
        unit_writer_print_raw(w, p->id);
        unit_writer_print_literal(w, " (configuration error)\n\n[Service]\n");
        if (can_name)
                print_config(w, p);
        unit_writer_print_environment(w, PARAMETER_CONFIG_ERROR,
                        p->messages.first_error ?: "see: claude-vm-generator --check");
        return unit_writer_end(w);
}

/* The text of an ini and what its links lead to are checked when it is read, so the value is a part of the
 * path of the ini itself, or of a directory of ours. */
static void report_refused(const UnitWriter *w, Project *p) {
        const char *value, *why;

        if (unit_writer_check(w, &value, &why) == -EBADMSG)
                messages_error(&p->messages, 0,
                                "'%s' has %s, which no unit may have: rename it, or name another path in the ini",
                                value, why);
}

int emit_check(UnitWriter *w, Project *p) {
        const char *value, *why;
        int r;

        if (!p->id[0] || p->messages.n_errors > 0)
                return 0;
        r = print_dropin(w, p);
        if (r >= 0)
                r = unit_writer_check(w, &value, &why);
        if (r == -EBADMSG)
                report_refused(w, p);
        return r == -EBADMSG ? 0 : r;
}

static int add_dropin(UnitWriter *w, const Project *p) {
        int r = print_dropin(w, p);

        return r < 0 ? r : unit_writer_end(w);
}

/* The VM's own drop-in comes last: without it the VM does not start, so none starts without the others. */
static int add_vm(UnitWriter *w, const Project *p) {
        char unit[UNIT_NAME_MAX];
        int r = p->is_request || names_shares(p) ? add_network(w, p) : 0;

        if (r >= 0 && p->api)
                r = add_proxy(w, p);
        if (r >= 0 && project_has_dev_shell(p))
                r = add_dev_shell(w, p);
        if (r >= 0 && project_has_copy(p))
                r = add_copy(w, p);
        if (r >= 0 && suspends_at_shutdown(p))
                r = add_suspend(w, p);
        if (r >= 0 && (lends_agent(p) || has_clipboard(p)))
                r = add_ssh(w, p);
        if (r >= 0)
                r = add_dropin(w, p);
        if (r >= 0 && p->values[SETTING_WANTED_BY]) {
                unit_name(p->id, unit);
                r = unit_writer_want(w, "default.target", unit, TEMPLATE);
        }
        return r;
}

int emit_project(UnitWriter *w, Project *p) {
        int r = -EBADMSG;

        /* no unit can have this name, so the message must do */
        if (!p->id[0])
                return 0;
        if (p->messages.n_errors == 0) {
                r = add_vm(w, p);
                if (r == -EBADMSG)
                        report_refused(w, p);
        }
        return r == -EBADMSG ? add_broken(w, p) : r;
}
