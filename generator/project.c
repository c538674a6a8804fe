/* From key=value to a Project, by the table of settings; the types that need more than the text of a value
 * have their functions here. The defaults are read first and the ini over them: its keys replace theirs, its
 * lists add to theirs unless an empty line has dropped those. */

#include "generator/project.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "generator/api-proxy.h"
#include "generator/assignments.h"
#include "generator/config-file.h"
#include "generator/guest-places.h"
#include "generator/parser.h"
#include "generator/unknown-key.h"
#include "generator/user-config.h"
#include "generator/worktree.h"

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
        [TYPE_IDLE] = { parse_scalar },
        [TYPE_DISK] = { parse_scalar },
        [TYPE_GUEST] = { parse_guest, .any_text = true },
        [TYPE_DIRECTORY] = { parse_directory, .any_text = true },
        [TYPE_HOME] = { parse_directory, .any_text = true },
        [TYPE_PLACE] = { parse_guest_directory, .any_text = true },
        [TYPE_PROTECT] = { parse_protect },
        [TYPE_PRIVATE] = { parse_names },
        [TYPE_SCRIPT] = { parse_checked, .any_text = true },
        [TYPE_HASH] = { parse_checked },
        [TYPE_UUID] = { parse_uuid },
        [TYPE_DIRECTIVE] = { parse_directive },
        [TYPE_WANTED] = { parse_wanted },
        [TYPE_ARGUMENTS] = { parse_arguments, .any_text = true },
        [TYPE_SHARE] = { parse_share, .any_text = true },
        [TYPE_HIDDEN] = { parse_allow_hidden },
        [TYPE_PUBLISH] = { parse_publish },
        [TYPE_ALLOW] = { parse_allow },
};

const char *project_meaning(const Project *p, SettingId id) {
        if (id == SETTING_UUID)
                return p->uuid;
        return types[settings[id].type].any_text ? p->values[id] : NULL;
}

bool project_has_dev_shell(const Project *p) {
        return !setting_is(p->values, SETTING_DEV_SHELL, "no");
}

bool project_has_copy(const Project *p) {
        return setting_is(p->values, SETTING_WORKSPACE, "copy");
}

const char *project_secret(const Project *p, size_t i) {
        const AssignmentList *const lists[] = { &p->credentials, &p->encrypted_credentials,
                &p->caller_credentials };

        for (size_t l = 0; l < ELEMENTSOF(lists); i -= lists[l++]->n)
                if (i < lists[l]->n)
                        return lists[l]->items[i].name;
        return NULL;
}

/* A value is taken as it is, so what looks like a comment would be part of it. */
static bool has_comment(const Setting *key, const char *value) {
        return strstr(value, " #") && !types[key->type].any_text;
}

/* As in a unit, an empty line of a list drops what has been said so far. */
static void forget_list(Parser *parser, SettingId id) {
        Project *p = parser->project;

        if (id == SETTING_SHARE)
                shares_forget(parser);
        else if (id == SETTING_PUBLISH)
                p->n_publish = 0;
        else if (id == SETTING_AGENT_ARGUMENTS)
                p->agent_arguments = strv_free(p->agent_arguments);
        else if (id == SETTING_ALLOW_HIDDEN)
                p->allow_hidden = strv_free(p->allow_hidden);
        else if (id == SETTING_ALLOW)
                p->allow = strv_free(p->allow);
}

/* A request is an ini with the options of a command line after it, and an ini comes after the defaults. */
static bool is_set_twice(const Parser *parser, SettingId id) {
        unsigned place = parser->project->lines[id];

        return place > 0 && PLACE_FILE(place) == parser->file && !setting_is_list(&settings[id]) &&
                        !parser->project->is_request;
}

static void parse_value(Parser *parser, SettingId id, const char *value) {
        const Setting *s = &settings[id];
        Project *p = parser->project;

        if (is_set_twice(parser, id))
                refuse(parser, "%s=%s: %s= is already set in line %u: keep one of the lines", s->key, value,
                                s->key, PLACE_LINE(p->lines[id]));
        else if (value[0] == '\0' && setting_is_list(s))
                forget_list(parser, id);
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
                unknown_key_refuse(&parser->project->messages, parser->line, section, key);
        else if (parser->project->is_defaults && !setting_is_for_all(&settings[id]))
                refuse(parser,
                                "%s=%s: is for one project, and " DEFAULTS_FILE
                                " is below all of them: move the line to the project's own file",
                                key, value);
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

        parser->line = PLACE(parser->file, line);
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

/* The guest gets the copy, which lies where no ini can name it; until here the share has been checked as the
 * work directory that it stands for. */
static void share_copy(Parser *parser) {
        Project *p = parser->project;

        for (size_t i = 0; i < p->n_shares; i++) {
                Share *share = &p->shares[i];

                if (strcmp(share->tag, "work") != 0)
                        continue;
                free(share->directory);
                share->directory = strjoin(parser->paths->data_home, "/copies/", p->id, "/work", NULL);
                parser->out_of_memory |= !share->directory;
        }
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
        guest_places_complete(parser);
        if (p->messages.n_errors > 0 || parser->out_of_memory)
                return;
        parser->line = p->lines[SETTING_WORK_DIRECTORY];
        shares_add(parser, "work", strdup(work), p->values[SETTING_GUEST_DIRECTORY],
                        setting_is(p->values, SETTING_READ_ONLY, "yes"), false);
        parser->line = p->lines[SETTING_HOME];
        shares_add(parser, "home", *home ? strdup(*home) : NULL, "/home/claude", false, true);
        parser->line = 0;
        if (project_has_dev_shell(p))
                shares_add_nix_store(parser);
        worktree_share(parser);
        shares_check_nested(parser);
        shares_check_hidden(parser);
        user_config_add(parser);
        if (project_has_copy(p))
                share_copy(parser);
        user_config_check_shares(parser);
        api_proxy_complete(parser);
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

/* What is wrong with them has been said, and no project starts without them. */
static int read_defaults(Parser *parser, const Defaults *defaults) {
        Project *p = parser->project;
        int r = 0;

        p->defaults = defaults;
        p->messages.defaults = defaults ? defaults->paths : NULL;
        for (size_t i = 0; r >= 0 && defaults && i < defaults->n; i++) {
                const DefaultsFile *file = &defaults->items[i];

                parser->file = (unsigned) i + 1;
                if (file->error)
                        r = messages_inherit(&p->messages, file->error);
                else if (file->text)
                        config_file_parse(file->text, file->size, &p->messages, handle_assignment, parser);
        }
        parser->file = 0;
        return r;
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

int project_load(const UserPaths *paths, const Defaults *defaults, int dir_fd, const char *dir,
                const char *name, bool is_request, Project **ret) {
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
                r = read_defaults(&parser, defaults);
                if (r >= 0)
                        r = config_file_read(
                                        dir_fd, name, &p->messages, handle_assignment, &parser, &p->file);
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

static Project *defaults_new(const char *path) {
        Project *p = calloc(1, sizeof(Project));

        if (!p)
                return NULL;
        p->is_defaults = true;
        p->path = strdup(path);
        p->messages.path = p->path;
        return p->path ? p : project_free(p);
}

int project_load_defaults(const UserPaths *paths, const Defaults *defaults, Project **ret) {
        _cleanup_(project_free_cleanup) Project *p =
                        defaults_new(defaults->n > 0 ? defaults->paths[defaults->n - 1] : DEFAULTS_FILE);
        Parser parser = { .project = p, .paths = paths };
        int r = p ? read_defaults(&parser, defaults) : -ENOMEM;

        if (r < 0 || parser.out_of_memory)
                return -ENOMEM;
        *ret = TAKE_PTR(p);
        return 0;
}

int project_check_defaults(
                const UserPaths *paths, const char *path, const char *text, size_t size, char **ret_error) {
        _cleanup_(project_free_cleanup) Project *p = defaults_new(path);
        Parser parser = { .project = p, .paths = paths };

        if (!p)
                return -ENOMEM;
        config_file_parse(text, size, &p->messages, handle_assignment, &parser);
        shares_check_hidden(&parser);
        user_config_check_shares(&parser);
        if (parser.out_of_memory || (p->messages.n_errors > 0 && !p->messages.first_error))
                return -ENOMEM;
        *ret_error = TAKE_PTR(p->messages.first_error);
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
        free(p->worktree);
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
        strv_free(p->allow);
        free(p->publish);
        for (size_t i = 0; i < N_SETTINGS; i++)
                free(p->values[i]);
        free(p);
        return NULL;
}
