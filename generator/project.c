/* From key=value to a Project: one table of keys, one small function a kind of
 * value. An unknown key is a warning, so that an ini of a newer version still works;
 * a bad value of a known key is an error. */

#include "project.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "agents-table.h"
#include "cleanup.h"
#include "config-file.h"
#include "config.h"
#include "parameters.h"
#include "strjoin.h"
#include "strv.h"
#include "unknown-key.h"

/* The name space of the UUIDs that are made from names (RFC 9562, version 5). */
UUID_DEFINE(namespace, 0x6f, 0x4c, 0x46, 0xa7, 0x26, 0xc5, 0x4f, 0xd0, 0x8d, 0x35, 0x37, 0xc7, 0xa2, 0x5e,
                0x8b, 0x1b);

#define MEMORY_MIB_MIN 128U
#define MEMORY_MIB_MAX (1024U * 1024U)
#define CPUS_MAX 255U
#define ARGUMENTS_MAX 256U
#define COMMENT_REMEDY "a comment stands on a line of its own"
#define VARIABLES_MAX 512U /* variables of the agent */

struct Parser {
        Project *project;
        const UserPaths *paths;
        unsigned line; /* of the assignment at hand */
        bool out_of_memory;
};

/* An error at the line at hand: `value` and the remedy are in it. */
#define refuse(parser, ...) messages_error(&(parser)->project->messages, (parser)->line, __VA_ARGS__)

static void *member(Parser *parser, const Key *key) {
        return (char *) parser->project + key->offset;
}

static void set_string(Parser *parser, const Key *key, const char *value) {
        char **target = member(parser, key), *copy = strdup(value);

        if (!copy) {
                parser->out_of_memory = true;
                return;
        }
        free(*target);
        *target = copy;
}

static void parse_word(Parser *parser, const Key *key, const char *value) {
        size_t n = strlen(value);

        for (const char *word = key->words; word && n > 0 && !strchr(value, ' ');
                        word = strchr(word + 1, ' '))
                if (strncmp(word + 1, value, n) == 0 && (word[n + 1] == ' ' || word[n + 1] == '\0')) {
                        set_string(parser, key, value);
                        return;
                }
        refuse(parser, "%s=%s: has to be one of:%s", key->key, value, key->words);
}

static void parse_boolean(Parser *parser, const Key *key, const char *value) {
        static const char *const words[] = { "no", "false", "off", "0", "yes", "true", "on", "1" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(value, words[i]) == 0) {
                        *(bool *) member(parser, key) = i >= ELEMENTSOF(words) / 2;
                        return;
                }
        refuse(parser, "%s=%s: has to be yes or no", key->key, value);
}

/* The canonical form of a directory that may be shared, or NULL with a message. */
static char *shareable_directory(Parser *parser, const char *key, const char *value, bool is_agent_home) {
        _cleanup_free_ char *path = NULL, *canonical = NULL;
        const char *why = NULL;

        if (path_parse(parser->paths, value, &path, &why) < 0) {
                if (why)
                        refuse(parser, "%s=%s: the path %s", key, value, why);
                else
                        parser->out_of_memory = true;
                return NULL;
        }
        canonical = path_canonical(path);
        if (!canonical) {
                parser->out_of_memory = true;
                return NULL;
        }
        why = path_refused(parser->paths, canonical, is_agent_home);
        if (why) {
                refuse(parser, "%s=%s: cannot be shared with a guest: '%s' %s", key, value, canonical, why);
                return NULL;
        }
        return TAKE_PTR(canonical);
}

static void parse_directory(Parser *parser, const Key *key, const char *value) {
        char **target = member(parser, key);

        free(*target);
        *target = shareable_directory(parser, key->key, value, key->offset == offsetof(Project, home));
}

/* 8, 8GB, 8g and 8GiB are all 8G for who writes them. */
static void refuse_memory(Parser *parser, const Key *key, const char *value) {
        int digits = (int) strspn(value, "0123456789");
        char unit = (char) toupper((unsigned char) value[digits]);

        if (digits == 0 || unit == '\0' || !strchr("KMGT", unit))
                unit = 'G';
        refuse(parser, "%s=%s: has to be a number with K, M, G or T, like %.*s%c", key->key, value,
                        digits > 0 ? digits : 1, digits > 0 ? value : "4", unit);
}

/* 4G, 512M are systemd's spelling; the result is in MiB. */
static void parse_memory(Parser *parser, const Key *key, const char *value) {
        static const char suffixes[] = "KMGT";
        const char *suffix;
        char *end;
        unsigned long long n;
        unsigned shift;

        errno = 0;
        n = strtoull(value, &end, 10);
        suffix = *end ? strchr(suffixes, *end) : NULL;
        if (errno != 0 || value[0] < '0' || value[0] > '9' || !suffix || end[1] != '\0') {
                refuse_memory(parser, key, value);
                return;
        }
        shift = 10 * (unsigned) (suffix - suffixes);
        n = n > UINT64_MAX >> shift ? UINT64_MAX >> 10 : (n << shift) >> 10;
        if (n < MEMORY_MIB_MIN || n > MEMORY_MIB_MAX)
                refuse(parser, "%s=%s: has to be between %uM and %uT", key->key, value, MEMORY_MIB_MIN,
                                MEMORY_MIB_MAX >> 20);
        else
                *(uint64_t *) member(parser, key) = n;
}

static void parse_cpus(Parser *parser, const Key *key, const char *value) {
        char *end;
        unsigned long n = strtoul(value, &end, 10);

        if (value[0] < '0' || value[0] > '9' || *end != '\0' || n < 1 || n > CPUS_MAX)
                refuse(parser, "%s=%s: has to be a number from 1 to %u", key->key, value, CPUS_MAX);
        else
                *(unsigned *) member(parser, key) = (unsigned) n;
}

static void parse_uuid(Parser *parser, const Key *key, const char *value) {
        uuid_t uuid;

        if (uuid_parse(value, uuid) < 0 || uuid_is_null(uuid))
                refuse(parser, "%s=%s: has to be a UUID; uuidgen makes one", key->key, value);
        else {
                uuid_unparse_lower(uuid, parser->project->uuid);
                parser->project->has_uuid = true;
        }
}

static void parse_guest(Parser *parser, const Key *key, const char *value) {
        _cleanup_free_ char *path = NULL;
        const char *why = NULL;

        if (vm_name_is_project(value)) {
                set_string(parser, key, value);
                return;
        }
        if (path_parse(parser->paths, value, &path, &why) < 0)
                refuse(parser, "%s=%s: has to be the name of a guest image or its directory; a path %s",
                                key->key, value, why ?: "needs memory");
        else
                set_string(parser, key, path);
}

/* The next word of `*p`, unquoted in place; NULL at the end. -EINVAL: a quote is not closed. */
static int next_word(char **p, char **ret) {
        char *in = *p + strspn(*p, " \t"), *out = in, quote = '\0';

        *ret = NULL;
        if (!*in)
                return 0;
        *ret = in;
        for (; *in && (quote || !strchr(" \t", *in)); in++) {
                if (quote ? *in == quote : (*in == '"' || *in == '\''))
                        quote = quote ? '\0' : *in;
                else if (*in == '\\' && quote != '\'') {
                        if (!*++in)
                                return -EINVAL;
                        *out++ = *in;
                } else
                        *out++ = *in;
        }
        if (quote)
                return -EINVAL;
        *p = *in ? in + 1 : in;
        *out = '\0';
        return 0;
}

static void parse_arguments(Parser *parser, const Key *key, const char *value) {
        char ***target = member(parser, key);
        _cleanup_free_ char *copy = strdup(value);
        char *p = copy, *word;

        if (!copy) {
                parser->out_of_memory = true;
                return;
        }
        for (;;) {
                if (next_word(&p, &word) < 0) {
                        refuse(parser, "%s=%s: a quote or a backslash at the end is not closed", key->key,
                                        value);
                        return;
                }
                if (!word)
                        return;
                if (value[word - copy] == '#') {
                        refuse(parser, "%s=%s: " COMMENT_REMEDY ", or quote the '#'", key->key, value);
                        return;
                }
                if (strv_length(*target) >= ARGUMENTS_MAX) {
                        refuse(parser, "%s=: more than %u arguments", key->key, ARGUMENTS_MAX);
                        return;
                }
                if (strv_append(target, word) < 0) {
                        parser->out_of_memory = true;
                        return;
                }
        }
}

static void parse_wanted(Parser *parser, const Key *key, const char *value) {
        if (strcmp(value, "default.target") != 0)
                refuse(parser, "%s=%s: has to be default.target, which starts the VM at login", key->key,
                                value);
        else
                parser->project->wanted = true;
}

static bool is_tag(const char *s) {
        size_t n = strlen(s);

        return n > 0 && n <= SHARE_TAG_MAX && s[0] >= 'a' && s[0] <= 'z' &&
                        strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* Those of the shares that are not Share='s. */
static bool is_own_tag(const char *tag) {
        return strcmp(tag, "work") == 0 || strcmp(tag, "home") == 0 || strcmp(tag, "nix_store") == 0;
}

/* Takes ownership of the directory. */
static void add_share(Parser *parser, const char *tag, char *directory, const char *guest_directory,
                bool read_only, bool create) {
        Project *p = parser->project;
        Share *grown = reallocarray(p->shares, p->n_shares + 1, sizeof(Share));
        Share share = {
                .tag = strdup(tag),
                .directory = directory,
                .guest_directory = strdup(guest_directory),
                .read_only = read_only,
                .create = create,
        };

        if (grown)
                p->shares = grown;
        if (!grown || !share.tag || !directory || !share.guest_directory) {
                parser->out_of_memory = true;
                free(share.tag);
                free(directory);
                free(share.guest_directory);
                return;
        }
        p->shares[p->n_shares++] = share;
}

/* The guest's own tree is not for covering: a share has a place of its own in it. */
static bool is_guest_directory(const UserPaths *paths, const char *value) {
        static const char *const taken[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc",
                "/root", "/run", "/sbin", "/sys", "/usr" };
        _cleanup_free_ char *path = NULL;
        const char *why;

        if (value[0] != '/' || strpbrk(value, " :\"\\") || path_parse(paths, value, &path, &why) < 0 ||
                        strcmp(path, value) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(taken); i++)
                if (path_is_in(path, taken[i]))
                        return false;
        return !path_is_in("/home/claude", path) && strcmp(path, "/work") != 0 && strcmp(path, "/var") != 0;
}

/* TAG:HOSTDIR:GUESTDIR[:ro] */
static void parse_share(Parser *parser, const Key *key, const char *value) {
        _cleanup_free_ char *copy = strdup(value);
        char *rest = copy, *tag, *directory, *guest_directory, *canonical;
        const char *mode;

        if (!copy) {
                parser->out_of_memory = true;
                return;
        }
        tag = strsep(&rest, ":");
        directory = strsep(&rest, ":");
        guest_directory = strsep(&rest, ":");
        mode = strsep(&rest, ":");
        if (!guest_directory || rest || (mode && strcmp(mode, "ro") != 0)) {
                refuse(parser, "%s=%s: has to be TAG:HOSTDIR:GUESTDIR or TAG:HOSTDIR:GUESTDIR:ro", key->key,
                                value);
                return;
        }
        if (!is_tag(tag) || is_own_tag(tag)) {
                refuse(parser,
                                "%s=%s: the tag '%s' has to be 1 to %d of a-z, 0-9 and '_', and not work, "
                                "home or nix_store",
                                key->key, value, tag, SHARE_TAG_MAX);
                return;
        }
        for (size_t i = 0; i < parser->project->n_shares; i++)
                if (strcmp(parser->project->shares[i].tag, tag) == 0) {
                        refuse(parser, "%s=%s: the tag '%s' is taken", key->key, value, tag);
                        return;
                }
        /* the work directory, the home and Nix's store come later */
        if (parser->project->n_shares + 3 >= SHARES_MAX) {
                refuse(parser, "%s=%s: more than %u shares", key->key, value, SHARES_MAX - 3);
                return;
        }
        if (!is_guest_directory(parser->paths, guest_directory)) {
                refuse(parser,
                                "%s=%s: '%s' has to be an absolute directory of its own in the guest, like "
                                "/data",
                                key->key, value, guest_directory);
                return;
        }
        canonical = shareable_directory(parser, key->key, directory, false);
        if (canonical)
                add_share(parser, tag, canonical, guest_directory, mode, false);
}

static void parse_publish(Parser *parser, const Key *key, const char *value) {
        Project *p = parser->project;
        Forward forward, *grown;

        if (forward_parse(value, &forward) < 0) {
                refuse(parser, "%s=%s: has to be [ADDRESS:]HOSTPORT:GUESTPORT, like 8080:80", key->key,
                                value);
                return;
        }
        for (size_t i = 0; i < p->n_publish; i++)
                if (forward_same_host_port(&p->publish[i], &forward)) {
                        refuse(parser, "%s=%s: port %u of the host is published already", key->key, value,
                                        forward.host_port);
                        return;
                }
        if (p->n_publish >= PUBLISH_MAX) {
                refuse(parser, "%s=: more than %u ports", key->key, PUBLISH_MAX);
                return;
        }
        grown = reallocarray(p->publish, p->n_publish + 1, sizeof(Forward));
        if (!grown) {
                parser->out_of_memory = true;
                return;
        }
        p->publish = grown;
        p->publish[p->n_publish++] = forward;
}

static void add_assignment(Parser *parser, AssignmentList *list, const char *name, const char *value) {
        Assignment *grown = reallocarray(list->items, list->n + 1, sizeof(Assignment));
        Assignment assignment = { strdup(name), strdup(value), parser->line };

        if (grown)
                list->items = grown;
        if (!grown || !assignment.name || !assignment.value) {
                parser->out_of_memory = true;
                free(assignment.name);
                free(assignment.value);
                return;
        }
        list->items[list->n++] = assignment;
}

static bool is_assigned(const AssignmentList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, name) == 0)
                        return true;
        return false;
}

/* Takes out the first of two; what a request's options say counts. */
static void unassign(AssignmentList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, name) == 0) {
                        free(list->items[i].name);
                        free(list->items[i].value);
                        list->items[i] = list->items[--list->n];
                        return;
                }
}

/* A name has one value, whichever section it is from. */
static bool check_variable(Parser *parser, const char *name) {
        Project *p = parser->project;
        AssignmentList *const lists[] = { &p->environment, &p->credentials, &p->encrypted_credentials,
                &p->caller_credentials };
        bool assigned = false;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                if (p->is_request)
                        unassign(lists[i], name);
                assigned |= is_assigned(lists[i], name);
                n += lists[i]->n;
        }
        if (n >= VARIABLES_MAX)
                refuse(parser, "%s=: more than %u variables", name, VARIABLES_MAX);
        else if (name[0] >= '0' && name[0] <= '9')
                refuse(parser, "%s: the name of a variable does not begin with a digit", name);
        else if (assigned)
                refuse(parser, "%s: is set twice: keep one of the lines", name);
        else
                return true;
        return false;
}

static void parse_environment(Parser *parser, const char *name, const char *value) {
        if (check_variable(parser, name))
                add_assignment(parser, &parser->project->environment, name, value);
}

/* NAME alone: from the environment of the claude-run that starts the VM. */
static void parse_caller_credential(Parser *parser, const char *name) {
        if (check_variable(parser, name))
                add_assignment(parser, &parser->project->caller_credentials, name, "");
}

static void parse_credential(Parser *parser, AssignmentList *list, const char *name, const char *value) {
        _cleanup_free_ char *path = NULL;
        const char *why = NULL;

        if (!check_variable(parser, name))
                return;
        if (path_parse(parser->paths, value, &path, &why) < 0)
                refuse(parser, "%s=%s: has to name the file with the secret; the path %s", name, value,
                                why ?: "needs memory");
        else
                add_assignment(parser, list, name, path);
}

static void parse_credentials(Parser *parser, const char *name, const char *value) {
        if (!value[0])
                parse_caller_credential(parser, name);
        else
                parse_credential(parser, &parser->project->credentials, name, value);
}

static void parse_encrypted_credentials(Parser *parser, const char *name, const char *value) {
        parse_credential(parser, &parser->project->encrypted_credentials, name, value);
}

/* Taken over as they are, so nothing but a plain value may pass. */
static void parse_service(Parser *parser, const Key *key, const char *value) {
        size_t n = strlen(value);

        if (parser->project->is_request)
                unassign(&parser->project->service, key->key);
        if (n == 0 || n > 40 ||
                        strspn(value,
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%.-+"
                                        " ") != n)
                refuse(parser, "%s=%s: is no value for %s; see systemd.resource-control(5)", key->key, value,
                                key->key);
        else if (is_assigned(&parser->project->service, key->key))
                refuse(parser, "%s=%s: is set twice: keep one of the lines", key->key, value);
        else
                add_assignment(parser, &parser->project->service, key->key, value);
}

#define MEMBER(name) .offset = offsetof(Project, name)

static const Key keys[] = {
        { "Project", "WorkDirectory", parse_directory, MEMBER(work_directory) },
        { "Project", "Home", parse_directory, MEMBER(home) },
        { "Project", "Agent", parse_word, MEMBER(agent), AGENT_NAMES, .fallback = "claude" },
        { "Project", "AgentStart", parse_word, MEMBER(agent_start), " boot session", .fallback = "boot" },
        { "Project", "AgentArguments", parse_arguments, MEMBER(agent_arguments), .list = true },
        { "Project", "ReadOnly", parse_boolean, MEMBER(read_only), .fallback = "no" },
        { "Project", "DevShell", parse_boolean, MEMBER(dev_shell), .fallback = "no" },
        { "Project", "Share", parse_share, .list = true },
        { "Project", "UUID", parse_uuid },
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
        { "Install", "WantedBy", parse_wanted },
};

const Key *project_key(size_t i) {
        return i < ELEMENTSOF(keys) ? &keys[i] : NULL;
}

const char *project_meaning(const Project *p, const Key *key) {
        if (key->parse == parse_directory || key->parse == parse_guest)
                return *(char *const *) (const void *) ((const char *) p + key->offset);
        return key->parse == parse_uuid ? p->uuid : NULL;
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
        warn_unknown_key(&p->messages, parser->line, section, key);
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

/* A share root below another one could be moved away by the guest of that one. */
static void check_nested(Parser *parser) {
        const Project *p = parser->project;

        parser->line = 0;
        for (size_t i = 0; i < p->n_shares; i++)
                for (size_t j = 0; j < p->n_shares; j++)
                        if (i != j && path_is_in(p->shares[i].directory, p->shares[j].directory))
                                refuse(parser,
                                                "the share '%s' (%s) lies in the share '%s' (%s): a guest "
                                                "could "
                                                "replace it; use directories beside each other",
                                                p->shares[i].tag, p->shares[i].directory, p->shares[j].tag,
                                                p->shares[j].directory);
}

/* The programs of a dev shell are in the host's store. Not at its place at once: a guest made by Nix has one
 * of its own there, see guest/libexec/devshell-setup. */
static void add_nix_store(Parser *parser) {
        Project *p = parser->project;
        size_t n = p->n_shares;

        add_share(parser, "nix_store", strdup("/nix/store"), "/nix/.host-store", true, false);
        if (p->n_shares > n)
                p->shares[n].optional = true;
}

/* What depends on more than one key, and the defaults. */
static void complete(Parser *parser) {
        Project *p = parser->project;
        char *work;

        parser->line = 0;
        if (!p->work_directory) {
                if (p->messages.n_errors == 0)
                        refuse(parser,
                                        "WorkDirectory= is missing in [Project]: the directory that the "
                                        "agent works on");
                return;
        }
        if (!p->home && p->messages.n_errors == 0)
                p->home = default_home(parser->paths, p->work_directory);
        if (p->messages.n_errors > 0)
                return;
        work = strdup(p->work_directory);
        add_share(parser, "work", work, "/work", p->read_only, false);
        add_share(parser, "home", p->home ? strdup(p->home) : NULL, "/home/claude", false, true);
        if (p->dev_shell)
                add_nix_store(parser);
        check_nested(parser);
        if (p->wanted && p->caller_credentials.n > 0)
                messages_error(&p->messages, p->caller_credentials.items[0].line,
                                "%s= is taken from the environment of claude-run, which does not start the "
                                "VM at login: name a file, or take WantedBy= out",
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
                                "'%s' is no name for a VM: up to %d letters, digits, '_', '.' and '-', no "
                                "UUID; "
                                "rename the file",
                                p->id, VM_NAME_MAX);
                p->id[0] = '\0';
        } else {
                r = config_file_read(dir_fd, name, &p->messages, handle_assignment, &parser);
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

static void assignments_free(AssignmentList *list) {
        for (size_t i = 0; i < list->n; i++) {
                free(list->items[i].name);
                free(list->items[i].value);
        }
        free(list->items);
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
        messages_done(&p->messages);
        free(p->id);
        free(p->path);
        free(p->work_directory);
        free(p->home);
        free(p->agent);
        free(p->agent_start);
        free(p->publish);
        free(p->guest);
        free(p->accelerator);
        free(p->machine);
        free(p->network);
        free(p->lines);
        free(p);
        return NULL;
}
