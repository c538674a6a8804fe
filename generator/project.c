/* From key=value to a Project, by one table of keys. An unknown key is a warning, so that
 * an ini of a newer version still works; a bad value of a known key is an error. */

#include "generator/project.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/agents-table.h"
#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "config.h"
#include "generator/assignments.h"
#include "generator/config-file.h"
#include "generator/parser.h"
#include "generator/unknown-key.h"

/* The name space of the UUIDs that are made from names (RFC 9562, version 5). */
UUID_DEFINE(namespace, 0x6f, 0x4c, 0x46, 0xa7, 0x26, 0xc5, 0x4f, 0xd0, 0x8d, 0x35, 0x37, 0xc7, 0xa2, 0x5e,
                0x8b, 0x1b);

#define MEMBER(name) .offset = offsetof(Project, name)

static const Key keys[] = {
        { "Project", "WorkDirectory", parse_directory, MEMBER(work_directory) },
        { "Project", "Home", parse_directory, MEMBER(home) },
        { "Project", "Agent", parse_word, MEMBER(agent), AGENT_NAMES, .fallback = "claude" },
        { "Project", "AgentStart", parse_word, MEMBER(agent_start), " boot session", .fallback = "boot" },
        { "Project", "AgentArguments", parse_arguments, MEMBER(agent_arguments), .list = true },
        { "Project", "ReadOnly", parse_boolean, MEMBER(read_only), .fallback = "no" },
        { "Project", "DevShell", parse_dev_shell, MEMBER(dev_shell), .fallback = "no" },
        { "Project", "Share", parse_share, .list = true },
        { "Project", "AllowHidden", parse_allow_hidden, MEMBER(allow_hidden), .list = true },
        { "Project", "UUID", parse_uuid, .project_only = true },
        { "VM", "Guest", parse_guest, MEMBER(guest), .fallback = DEFAULT_GUEST },
        { "VM", "Memory", parse_memory, MEMBER(memory_mib), .fallback = "4G" },
        { "VM", "CPUs", parse_cpus, MEMBER(cpus), .fallback = "4" },
        { "VM", "Accelerator", parse_word, MEMBER(accelerator), " auto kvm tcg", .fallback = "auto" },
        { "VM", "Machine", parse_word, MEMBER(machine), " auto microvm q35", .fallback = "auto" },
        { "Network", "Mode", parse_word, MEMBER(network), " user none", .fallback = "user" },
        { "Network", "Publish", parse_publish, .list = true },
        { "Service", "MemoryMax", parse_service },
        { "Service", "MemoryHigh", parse_service },
        { "Service", "MemorySwapMax", parse_service },
        { "Service", "CPUQuota", parse_service },
        { "Service", "CPUWeight", parse_service },
        { "Service", "TasksMax", parse_service },
        { "Service", "Nice", parse_service },
        { "Service", "RuntimeMaxSec", parse_service },
        { "Service", "TimeoutStartSec", parse_service },
        { "Service", "TimeoutStopSec", parse_service },
        { "Install", "WantedBy", parse_wanted, .project_only = true },
};

const Key *project_key(size_t i) {
        return i < ELEMENTSOF(keys) ? &keys[i] : NULL;
}

const char *project_meaning(const Project *p, const Key *key) {
        if (key->parse == parse_directory || key->parse == parse_guest)
                return *(char *const *) (const void *) ((const char *) p + key->offset);
        return key->parse == parse_uuid ? p->uuid : NULL;
}

bool project_has_dev_shell(const Project *p) {
        return strcmp(p->dev_shell, "no") != 0;
}

unsigned project_line(const Project *p, const char *key) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].key, key) == 0)
                        return p->lines[i];
        return 0;
}

/* A value is taken as it is, so what looks like a comment would be part of it. Paths may have any name. */
static bool has_comment(const Key *key, const char *value) {
        return strstr(value, " #") && key->parse != parse_arguments && key->parse != parse_directory &&
                        key->parse != parse_guest && key->parse != parse_share;
}

static void parse_key(Parser *parser, const char *section, const char *key, const char *value) {
        Project *p = parser->project;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].key, key) != 0)
                        continue;
                /* its UUID is its name, and its end is that of its VM */
                if (keys[i].project_only && p->is_request)
                        return;
                /* a request is an ini with the options of a command line after it */
                if (p->lines[i] > 0 && !keys[i].list && !p->is_request)
                        refuse(parser, "%s=%s: %s= is set in line %u already: keep one of the lines", key,
                                        value, key, p->lines[i]);
                else if (value[0] == '\0')
                        refuse(parser, "%s=: needs a value; without the line the default counts", key);
                else if (has_comment(&keys[i], value))
                        refuse(parser, "%s=%s: " COMMENT_REMEDY, key, value);
                else
                        keys[i].parse(parser, &keys[i], value);
                p->lines[i] = parser->line;
                return;
        }
        unknown_key_warn(&p->messages, parser->line, section, key);
}

/* Sections whose keys are names of variables. */
typedef void (*variable_parser)(Parser *parser, const char *name, const char *value);

static const struct {
        const char *section;
        variable_parser parse;
} variable_sections[] = {
        { "Environment", parse_environment },
        { "Credentials", parse_credentials },
        { "EncryptedCredentials", parse_encrypted_credentials },
};

static variable_parser find_variable_parser(const char *section) {
        for (size_t i = 0; i < ELEMENTSOF(variable_sections); i++)
                if (strcmp(variable_sections[i].section, section) == 0)
                        return variable_sections[i].parse;
        return NULL;
}

bool project_section_has_variables(const char *section) {
        return find_variable_parser(section);
}

static void handle_assignment(
                void *userdata, const char *section, const char *key, const char *value, unsigned line) {
        Parser *parser = userdata;
        variable_parser parse = find_variable_parser(section);

        parser->line = line;
        if (parse)
                parse(parser, key, value);
        else
                parse_key(parser, section, key, value);
}

static void uuid_of_text(const char *a, const char *b, uuid_t ret) {
        _cleanup_free_ char *text = strjoin(a, "\n", b, NULL);

        if (text)
                uuid_generate_sha1(ret, namespace, text, strlen(text));
        else
                uuid_clear(ret);
}

/* DATA/BASENAME-HASH12: one home for all VMs of a work directory. */
static char *default_home(const UserPaths *paths, const char *work_directory) {
        char hash[37], name[32];
        uuid_t uuid;

        snprintf(name, sizeof(name), "%s", strrchr(work_directory, '/') + 1);
        for (char *c = name; *c; c++)
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", *c))
                        *c = '_';
        uuid_of_text("home", work_directory, uuid);
        uuid_unparse_lower(uuid, hash);
        /* without the dashes of a UUID, 12 digits */
        memmove(hash + 8, hash + 9, 4);
        hash[12] = '\0';
        return strjoin(paths->data_home, "/", name, "-", hash, NULL);
}

/* What depends on more than one key, and the defaults. */
static void complete(Parser *parser) {
        Project *p = parser->project;
        char *work;

        parser->line = 0;
        if (!p->work_directory) {
                if (p->messages.n_errors == 0)
                        refuse(parser, "WorkDirectory= is missing in [Project]: the directory that the agent works on");
                return;
        }
        if (!p->home && p->messages.n_errors == 0)
                p->home = default_home(parser->paths, p->work_directory);
        if (p->messages.n_errors > 0)
                return;
        work = strdup(p->work_directory);
        parser->line = project_line(p, "WorkDirectory");
        shares_add(parser, "work", work, "/work", p->read_only, false);
        parser->line = project_line(p, "Home");
        shares_add(parser, "home", p->home ? strdup(p->home) : NULL, "/home/claude", false, true);
        parser->line = 0;
        if (project_has_dev_shell(p))
                shares_add_nix_store(parser);
        shares_check_nested(parser);
        shares_check_hidden(parser);
        if (p->wanted && p->caller_credentials.n > 0)
                messages_error(&p->messages, p->caller_credentials.items[0].line,
                                "%s= is taken from the environment of claude-run, which does not start the VM at login: name a file, or take WantedBy= out",
                                p->caller_credentials.items[0].name);
}

static void set_uuid(Project *p) {
        uuid_t uuid;

        if (p->is_request) {
                strcpy(p->uuid, p->id);
        } else if (!p->uuid[0]) {
                uuid_of_text(p->id, p->work_directory ?: "", uuid);
                uuid_unparse_lower(uuid, p->uuid);
        }
}

static Project *project_new(const char *dir, const char *name, bool is_request) {
        Project *p = calloc(1, sizeof(Project));

        if (!p)
                return NULL;
        p->id = strndup(name, strlen(name) - strlen(".ini"));
        p->path = strjoin(dir, "/", name, NULL);
        p->is_request = is_request;
        p->messages.path = p->path;
        p->lines = calloc(ELEMENTSOF(keys), sizeof(*p->lines));
        return p->id && p->path && p->lines ? p : project_free(p);
}

static void set_defaults(Parser *parser) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].fallback)
                        keys[i].parse(parser, &keys[i], keys[i].fallback);
}

DEFINE_CLEANUP(Project *, project_free, project_free_cleanup)

int project_load(const UserPaths *paths, int dir_fd, const char *dir, const char *name, bool is_request,
                Project **ret) {
        _cleanup_(project_free_cleanup) Project *p = project_new(dir, name, is_request);
        Parser parser = { .project = p, .paths = paths };
        int r;

        if (!p)
                return -ENOMEM;
        set_defaults(&parser);
        if (is_request ? !vm_name_is_uuid(p->id) || !vm_name_is_id(p->id) : !vm_name_is_project(p->id)) {
                messages_error(&p->messages, 0,
                                "'%s' is no name for a VM, which is " VM_NAME_RULE "; rename the file",
                                p->id);
                p->id[0] = '\0';
        } else {
                r = config_file_read(dir_fd, name, &p->messages, handle_assignment, &parser, &p->file);
                if (r == -ENOENT || r == -ENOMEM || r > 0)
                        return r;
                if (r == 0)
                        complete(&parser);
        }
        if (parser.out_of_memory)
                return -ENOMEM;
        set_uuid(p);
        *ret = TAKE_PTR(p);
        return 0;
}

Project *project_free(Project *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_shares; i++) {
                free(p->shares[i].tag);
                free(p->shares[i].directory);
                free(p->shares[i].guest_directory);
        }
        free(p->shares);
        assignments_free(&p->environment);
        assignments_free(&p->credentials);
        assignments_free(&p->encrypted_credentials);
        assignments_free(&p->caller_credentials);
        assignments_free(&p->service);
        strv_free(p->agent_arguments);
        strv_free(p->earlier);
        strv_free(p->allow_hidden);
        messages_done(&p->messages);
        free(p->id);
        free(p->path);
        free(p->work_directory);
        free(p->home);
        free(p->agent);
        free(p->agent_start);
        free(p->dev_shell);
        free(p->publish);
        free(p->guest);
        free(p->accelerator);
        free(p->machine);
        free(p->network);
        free(p->lines);
        free(p);
        return NULL;
}
