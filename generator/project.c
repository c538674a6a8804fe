/* From key=value to a Project, by the table of settings; the types that need more than the text of a value
 * have their functions here. An unknown key is a warning, so that an ini of a newer version still works; a
 * bad value of a known key is an error. */

#include "generator/project.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "generator/assignments.h"
#include "generator/config-file.h"
#include "generator/parser.h"
#include "generator/unknown-key.h"

/* The namespace of UUIDs made from names (RFC 9562, version 5). */
UUID_DEFINE(namespace, 0x6f, 0x4c, 0x46, 0xa7, 0x26, 0xc5, 0x4f, 0xd0, 0x8d, 0x35, 0x37, 0xc7, 0xa2, 0x5e,
                0x8b, 0x1b);

typedef struct Type {
        void (*parse)(Parser *parser, const Setting *key, const char *value);
        bool any_text; /* ` #` may be part of the value */
} Type;

static const Type types[N_TYPES] = {
        [TYPE_WORD] = { parse_scalar },
        [TYPE_NUMBER] = { parse_scalar },
        [TYPE_MEMORY] = { parse_scalar },
        [TYPE_BOOLEAN] = { parse_scalar },
        [TYPE_GUEST] = { parse_guest, .any_text = true },
        [TYPE_DIRECTORY] = { parse_directory, .any_text = true },
        [TYPE_HOME] = { parse_directory, .any_text = true },
        [TYPE_PROTECT] = { parse_protect },
        [TYPE_UUID] = { parse_uuid },
        [TYPE_DIRECTIVE] = { parse_directive },
        [TYPE_WANTED] = { parse_wanted },
        [TYPE_ARGUMENTS] = { parse_arguments, .any_text = true },
        [TYPE_SHARE] = { parse_share, .any_text = true },
        [TYPE_HIDDEN] = { parse_allow_hidden },
        [TYPE_PUBLISH] = { parse_publish },
};

const char *project_meaning(const Project *p, SettingId id) {
        if (id == SETTING_UUID)
                return p->uuid;
        return types[settings[id].type].any_text ? p->values[id] : NULL;
}

bool project_has_dev_shell(const Project *p) {
        return !setting_is(p->values, SETTING_DEV_SHELL, "no");
}

/* A value is taken as it is, so what looks like a comment would be part of it. */
static bool has_comment(const Setting *key, const char *value) {
        return strstr(value, " #") && !types[key->type].any_text;
}

static void parse_value(Parser *parser, SettingId id, const char *value) {
        const Setting *s = &settings[id];
        Project *p = parser->project;

        /* a request is an ini with the options of a command line after it */
        if (p->lines[id] > 0 && !setting_is_list(s) && !p->is_request)
                refuse(parser, "%s=%s: %s= is already set in line %u: keep one of the lines", s->key, value,
                                s->key, p->lines[id]);
        else if (value[0] == '\0')
                refuse(parser, "%s=: needs a value; remove the line to use the default", s->key);
        else if (has_comment(s, value))
                refuse(parser, "%s=%s: " COMMENT_REMEDY, s->key, value);
        else
                types[s->type].parse(parser, s, value);
        p->lines[id] = parser->line;
}

static void parse_key(Parser *parser, const char *section, const char *key, const char *value) {
        SettingId id = setting_find(section, key);

        if (id == N_SETTINGS)
                unknown_key_warn(&parser->project->messages, parser->line, section, key);
        /* a request's UUID is its name, and its end is that of its VM */
        else if (!setting_is_project_only(&settings[id]) || !parser->project->is_request)
                parse_value(parser, id, value);
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

const char *project_variable_section(size_t i) {
        return i < ELEMENTSOF(variable_sections) ? variable_sections[i].section : NULL;
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

/* Fills in the defaults, and checks what depends on more than one key. */
static void complete(Parser *parser) {
        Project *p = parser->project;
        char **home = &p->values[SETTING_HOME], *work = p->values[SETTING_WORK_DIRECTORY];

        parser->line = 0;
        if (!work) {
                if (p->messages.n_errors == 0)
                        refuse(parser, "WorkDirectory= is missing in [Project]: the directory that the agent works on");
                return;
        }
        if (!*home && p->messages.n_errors == 0)
                *home = default_home(parser->paths, work);
        if (p->messages.n_errors > 0)
                return;
        parser->line = p->lines[SETTING_WORK_DIRECTORY];
        shares_add(parser, "work", strdup(work), "/work", setting_is(p->values, SETTING_READ_ONLY, "yes"),
                        false);
        parser->line = p->lines[SETTING_HOME];
        shares_add(parser, "home", *home ? strdup(*home) : NULL, "/home/claude", false, true);
        parser->line = 0;
        if (project_has_dev_shell(p))
                shares_add_nix_store(parser);
        shares_check_nested(parser);
        shares_check_hidden(parser);
        if (p->values[SETTING_WANTED_BY] && p->caller_credentials.n > 0)
                messages_error(&p->messages, p->caller_credentials.items[0].line,
                                "%s= is taken from the environment of claude-run, which does not start the VM at login: name a file, or remove WantedBy=",
                                p->caller_credentials.items[0].name);
}

static void set_uuid(Project *p) {
        uuid_t uuid;

        if (p->is_request) {
                strcpy(p->uuid, p->id);
        } else if (p->values[SETTING_UUID]) {
                strcpy(p->uuid, p->values[SETTING_UUID]);
        } else {
                uuid_of_text(p->id, p->values[SETTING_WORK_DIRECTORY] ?: "", uuid);
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
        return p->id && p->path ? p : project_free(p);
}

DEFINE_CLEANUP(Project *, project_free, project_free_cleanup)

int project_load(const UserPaths *paths, int dir_fd, const char *dir, const char *name, bool is_request,
                Project **ret) {
        _cleanup_(project_free_cleanup) Project *p = project_new(dir, name, is_request);
        Parser parser = { .project = p, .paths = paths };
        int r;

        if (!p)
                return -ENOMEM;
        if (is_request ? !vm_name_is_uuid(p->id) || !vm_name_is_id(p->id) : !vm_name_is_project(p->id)) {
                messages_error(&p->messages, 0,
                                "'%s' is not a valid VM name, which is " VM_NAME_RULE "; rename the file",
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
        strv_free(p->agent_arguments);
        strv_free(p->earlier);
        strv_free(p->allow_hidden);
        messages_done(&p->messages);
        free(p->id);
        free(p->path);
        free(p->publish);
        for (size_t i = 0; i < N_SETTINGS; i++)
                free(p->values[i]);
        free(p);
        return NULL;
}
