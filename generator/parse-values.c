/* One small parser for each kind of value. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "common/allow-rule.h"
#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/strv.h"
#include "generator/parser.h"
#include "generator/paths.h"
#include "generator/shareable.h"
#include "generator/unit-writer.h"

#define ARGUMENTS_MAX 256U
#define ALLOW_MAX 1024U

static char *copy_string(Parser *parser, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                parser->out_of_memory = true;
        return copy;
}

/* Of two lines of a request the later one counts. */
static void set_value(Parser *parser, const Setting *key, const char *value) {
        char **target = &parser->project->values[key - settings], *copy = copy_string(parser, value);

        if (!copy)
                return;
        free(*target);
        *target = copy;
}

/* The word of earlier versions for what was the default then, as `internet` is now. */
static const char *present_word(Parser *parser, const Setting *key, const char *value) {
        if (key != &settings[SETTING_NETWORK] || strcmp(value, "user") != 0)
                return value;
        messages_warning(&parser->project->messages, parser->line,
                        "Mode=user: is an old word for 'internet': the guest reaches public addresses, and neither this machine nor its local networks; see Allow= in claude-vm.ini(5)");
        return "internet";
}

void parse_scalar(Parser *parser, const Setting *key, const char *value) {
        char canonical[SETTING_VALUE_MAX], why[SETTING_WHY_MAX];

        value = present_word(parser, key, value);
        if (setting_parse(key, value, canonical, why) < 0)
                refuse(parser, "%s=%s: %s", key->key, value, why);
        else
                set_value(parser, key, canonical);
}

/* A link that does not count, or what else keeps a path from being walked. */
static void refuse_walk(Parser *parser, const char *key, const char *value, const char *link, int error) {
        const char *slash;

        if (error != -ELOOP) {
                refuse(parser, "%s=%s: the path cannot be resolved: %s", key, value, strerror(-error));
                return;
        }
        slash = strrchr(link, '/');
        refuse(parser, "%s=%s: '%s' is a symbolic link, and the guest of another VM that may write to '%.*s' could have made it: write the real path",
                        key, value, link, slash > link ? (int) (slash - link) : 1, link);
}

/* A link may lead to any name, and the unit is written from here on. */
static int resolve_path(
                Parser *parser, const char *key, const char *value, const char *path, PathPlace *ret) {
        int r = user_paths_resolve(parser->paths, path, ret);
        const char *why;

        if (r < 0) {
                refuse_walk(parser, key, value, ret->path, r);
                return r;
        }
        why = unit_writer_refuses(ret->path);
        if (!why)
                return 0;
        path_place_done(ret);
        refuse(parser, "%s=%s: '%s' has %s, which no unit may have: rename it, or name another path", key,
                        value, ret->path, why);
        return -EBADMSG;
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
        why = shareable_refused(parser->paths, &place, is_agent_home);
        path_place_done(&place);
        if (why)
                refuse(parser, "%s=%s: cannot be shared with a guest: '%s' %s", key, value, place.path, why);
        else
                canonical = copy_string(parser, place.path);
        return canonical;
}

void parse_directory(Parser *parser, const Setting *key, const char *value) {
        char **target = &parser->project->values[key - settings];

        free(*target);
        *target = parser_directory(parser, key->key, value, key->type == TYPE_HOME);
}

void parse_checked(Parser *parser, const Setting *key, const char *value) {
        char why[SETTING_WHY_MAX];

        if (setting_check(key, value, why) < 0)
                refuse(parser, "%s=%s: %s", key->key, value, why);
        else
                set_value(parser, key, value);
}

/* Names with blanks between; no unit may have a tab. */
void parse_names(Parser *parser, const Setting *key, const char *value) {
        _cleanup_free_ char *names = copy_string(parser, value);

        for (char *tab = names; tab && (tab = strchr(tab, '\t'));)
                *tab = ' ';
        if (names)
                parse_checked(parser, key, names);
}

/* `off` and `true` mean what they mean elsewhere, and not a file of that name. */
void parse_protect(Parser *parser, const Setting *key, const char *value) {
        char canonical[SETTING_VALUE_MAX], why[SETTING_WHY_MAX];

        if (setting_parse(&settings[SETTING_READ_ONLY], value, canonical, why) >= 0)
                set_value(parser, key, canonical);
        else
                parse_names(parser, key, value);
}

void parse_uuid(Parser *parser, const Setting *key, const char *value) {
        char text[37];
        uuid_t uuid;

        if (uuid_parse(value, uuid) < 0 || uuid_is_null(uuid))
                refuse(parser, "%s=%s: must be a UUID; uuidgen makes one", key->key, value);
        else {
                uuid_unparse_lower(uuid, text);
                set_value(parser, key, text);
        }
}

void parse_guest(Parser *parser, const Setting *key, const char *value) {
        _cleanup_free_ char *path = NULL, *canonical = NULL;
        const char *why = NULL;

        if (vm_name_is_project(value)) {
                set_value(parser, key, value);
                return;
        }
        if (path_parse(parser->paths->home, value, &path, &why) < 0)
                refuse(parser, "%s=%s: must be the name of a guest image or its directory; a path %s",
                                key->key, value, why ?: "needs memory");
        else if ((canonical = resolve_file(parser, key->key, value, path)))
                set_value(parser, key, canonical);
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
                        if (!in[1])
                                return -EINVAL;
                        /* as in a shell: in double quotes it stays before all others */
                        if (!quote || strchr("\"\\$`", in[1]))
                                in++;
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

void parse_arguments(Parser *parser, const Setting *key, const char *value) {
        char ***target = &parser->project->agent_arguments;
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

void parse_wanted(Parser *parser, const Setting *key, const char *value) {
        if (strcmp(value, "default.target") != 0)
                refuse(parser, "%s=%s: must be default.target, which starts the VM at login", key->key,
                                value);
        else
                set_value(parser, key, value);
}

void parse_publish(Parser *parser, const Setting *key, const char *value) {
        Project *p = parser->project;
        PortForward forward, *grown;

        if (port_forward_parse(value, &forward) < 0) {
                refuse(parser, "%s=%s: must be [ADDRESS:]HOSTPORT:GUESTPORT, like 8080:80", key->key, value);
                return;
        }
        for (size_t i = 0; i < p->n_publish; i++)
                if (port_forward_same_host_port(&p->publish[i], &forward)) {
                        refuse(parser, "%s=%s: port %u of the host is already published", key->key, value,
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

static void add_allow(Parser *parser, const Setting *key, const char *word) {
        char canonical[ALLOW_TEXT_MAX], why[ALLOW_WHY_MAX];
        char ***list = &parser->project->allow;
        AllowRule rule;

        if (allow_rule_parse(word, &rule, why) < 0) {
                refuse(parser, "%s=%s: %s", key->key, word, why);
                return;
        }
        allow_rule_print(&rule, canonical);
        if (strv_length(*list) >= ALLOW_MAX)
                refuse(parser, "%s=: more than %u words; a list can have more: see claude-vm.ini(5)",
                                key->key, ALLOW_MAX);
        else if (strv_append(list, canonical) < 0)
                parser->out_of_memory = true;
}

/* One or more words, with blanks between. */
void parse_allow(Parser *parser, const Setting *key, const char *value) {
        _cleanup_free_ char *copy = copy_string(parser, value);
        char *rest = copy, *word;

        while ((word = strsep(&rest, " \t")))
                if (*word)
                        add_allow(parser, key, word);
}

/* These lines go into the unit unchanged, so only plain values pass. */
void parse_directive(Parser *parser, const Setting *key, const char *value) {
        size_t n = strlen(value);

        if (n == 0 || n > 40 ||
                        strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%.-+ ") !=
                                        n)
                refuse(parser, "%s=%s: is not a valid value for %s; see systemd.resource-control(5)",
                                key->key, value, key->key);
        else
                parse_checked(parser, key, value);
}
