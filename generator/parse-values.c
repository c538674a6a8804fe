/* One small function a kind of value. */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/strv.h"
#include "generator/assignments.h"
#include "generator/parser.h"
#include "generator/paths.h"

#define MEMORY_MIB_MIN 128U
#define MEMORY_MIB_MAX (1024U * 1024U)
#define CPUS_MAX 255U
#define ARGUMENTS_MAX 256U

static void *member(Parser *parser, const Key *key) {
        return (char *) parser->project + key->offset;
}

static char *copy_string(Parser *parser, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                parser->out_of_memory = true;
        return copy;
}

static void set_string(Parser *parser, const Key *key, const char *value) {
        char **target = member(parser, key), *copy = copy_string(parser, value);

        if (!copy)
                return;
        free(*target);
        *target = copy;
}

void parse_word(Parser *parser, const Key *key, const char *value) {
        size_t n = strlen(value);

        for (const char *word = key->words; word && n > 0 && !strchr(value, ' ');
                        word = strchr(word + 1, ' '))
                if (strncmp(word + 1, value, n) == 0 && (word[n + 1] == ' ' || word[n + 1] == '\0')) {
                        set_string(parser, key, value);
                        return;
                }
        refuse(parser, "%s=%s: has to be one of:%s", key->key, value, key->words);
}

/* 0 or 1; -1 if the word is neither. */
static int boolean_of(const char *value) {
        static const char *const words[] = { "no", "false", "off", "0", "yes", "true", "on", "1" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(value, words[i]) == 0)
                        return i >= ELEMENTSOF(words) / 2;
        return -1;
}

void parse_boolean(Parser *parser, const Key *key, const char *value) {
        int b = boolean_of(value);

        if (b < 0)
                refuse(parser, "%s=%s: has to be yes or no", key->key, value);
        else
                *(bool *) member(parser, key) = b;
}

/* A boolean with a third word: devenv evaluates impurely, so it must be asked for by its name. */
void parse_dev_shell(Parser *parser, const Key *key, const char *value) {
        int b = boolean_of(value);

        if (b < 0 && strcmp(value, "devenv") != 0)
                refuse(parser, "%s=%s: must be no, yes (a flake.nix) or devenv (a devenv.nix)", key->key,
                                value);
        else
                set_string(parser, key, b < 0 ? "devenv" : b ? "yes" : "no");
}

/* A link that does not count, or what else keeps a path from being walked. */
static void refuse_walk(Parser *parser, const char *key, const char *value, const char *link, int error) {
        const char *slash = strrchr(link, '/');

        if (error == -ELOOP)
                refuse(parser, "%s=%s: '%s' is a symbolic link, and the guest of another VM that may write to '%.*s' could have made it: write the real path",
                                key, value, link, slash > link ? (int) (slash - link) : 1, link);
        else
                refuse(parser, "%s=%s: the path cannot be resolved: %s", key, value, strerror(-error));
}

static int resolve_path(
                Parser *parser, const char *key, const char *value, const char *path, PathPlace *ret) {
        int r = user_paths_resolve(parser->paths, path, ret);

        if (r < 0)
                refuse_walk(parser, key, value, ret->path, r);
        return r;
}

char *resolve_file(Parser *parser, const char *key, const char *value, const char *path) {
        PathPlace place;

        if (resolve_path(parser, key, value, path, &place) < 0)
                return NULL;
        path_place_done(&place);
        return copy_string(parser, place.path);
}

char *parser_directory(Parser *parser, const char *key, const char *value, bool is_agent_home) {
        _cleanup_free_ char *path = NULL;
        const char *why = NULL;
        char *canonical = NULL;
        PathPlace place;

        if (path_parse(parser->paths->home, value, &path, &why) < 0) {
                if (why)
                        refuse(parser, "%s=%s: the path %s", key, value, why);
                else
                        parser->out_of_memory = true;
                return NULL;
        }
        if (resolve_path(parser, key, value, path, &place) < 0)
                return NULL;
        why = user_paths_refused(parser->paths, &place, is_agent_home);
        path_place_done(&place);
        if (why)
                refuse(parser, "%s=%s: cannot be shared with a guest: '%s' %s", key, value, place.path, why);
        else
                canonical = copy_string(parser, place.path);
        return canonical;
}

void parse_directory(Parser *parser, const Key *key, const char *value) {
        char **target = member(parser, key);

        free(*target);
        *target = parser_directory(parser, key->key, value, key->offset == offsetof(Project, home));
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
void parse_memory(Parser *parser, const Key *key, const char *value) {
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

void parse_cpus(Parser *parser, const Key *key, const char *value) {
        char *end;
        unsigned long n = strtoul(value, &end, 10);

        if (value[0] < '0' || value[0] > '9' || *end != '\0' || n < 1 || n > CPUS_MAX)
                refuse(parser, "%s=%s: has to be a number from 1 to %u", key->key, value, CPUS_MAX);
        else
                *(unsigned *) member(parser, key) = (unsigned) n;
}

void parse_uuid(Parser *parser, const Key *key, const char *value) {
        uuid_t uuid;

        if (uuid_parse(value, uuid) < 0 || uuid_is_null(uuid))
                refuse(parser, "%s=%s: has to be a UUID; uuidgen makes one", key->key, value);
        else {
                uuid_unparse_lower(uuid, parser->project->uuid);
                parser->project->has_uuid = true;
        }
}

void parse_guest(Parser *parser, const Key *key, const char *value) {
        _cleanup_free_ char *path = NULL, *canonical = NULL;
        const char *why = NULL;

        if (vm_name_is_project(value)) {
                set_string(parser, key, value);
                return;
        }
        if (path_parse(parser->paths->home, value, &path, &why) < 0)
                refuse(parser, "%s=%s: has to be the name of a guest image or its directory; a path %s",
                                key->key, value, why ?: "needs memory");
        else if ((canonical = resolve_file(parser, key->key, value, path)))
                set_string(parser, key, canonical);
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

void parse_arguments(Parser *parser, const Key *key, const char *value) {
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

void parse_wanted(Parser *parser, const Key *key, const char *value) {
        if (strcmp(value, "default.target") != 0)
                refuse(parser, "%s=%s: has to be default.target, which starts the VM at login", key->key,
                                value);
        else
                parser->project->wanted = true;
}

void parse_publish(Parser *parser, const Key *key, const char *value) {
        Project *p = parser->project;
        PortForward forward, *grown;

        if (port_forward_parse(value, &forward) < 0) {
                refuse(parser, "%s=%s: has to be [ADDRESS:]HOSTPORT:GUESTPORT, like 8080:80", key->key,
                                value);
                return;
        }
        for (size_t i = 0; i < p->n_publish; i++)
                if (port_forward_same_host_port(&p->publish[i], &forward)) {
                        refuse(parser, "%s=%s: port %u of the host is published already", key->key, value,
                                        forward.host_port);
                        return;
                }
        if (p->n_publish >= PUBLISH_MAX) {
                refuse(parser, "%s=: more than %u ports", key->key, PUBLISH_MAX);
                return;
        }
        grown = reallocarray(p->publish, p->n_publish + 1, sizeof(PortForward));
        if (!grown) {
                parser->out_of_memory = true;
                return;
        }
        p->publish = grown;
        p->publish[p->n_publish++] = forward;
}

/* Taken over as they are, so nothing but a plain value may pass. */
void parse_service(Parser *parser, const Key *key, const char *value) {
        size_t n = strlen(value);

        if (parser->project->is_request)
                assignments_remove(&parser->project->service, key->key);
        if (n == 0 || n > 40 ||
                        strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%.-+ ") !=
                                        n)
                refuse(parser, "%s=%s: is no value for %s; see systemd.resource-control(5)", key->key, value,
                                key->key);
        else if (assignments_have(&parser->project->service, key->key))
                refuse(parser, "%s=%s: is set twice: keep one of the lines", key->key, value);
        else
                assignments_add(parser, &parser->project->service, key->key, value);
}
