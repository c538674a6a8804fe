/* The directory is written into the drop-in as the user names it: programs that manage dot files put links
 * where they like, and change them, so it is the share's start that follows them
 * (helper/share/user-config.c). Here is only asked whether there is such a directory, so that users without
 * one have no share more. */

#include "generator/user-config.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/user-config.h"
#include "generator/paths.h"

/* Owned. NULL: no memory, or the variable has what no unit may have. */
static char *directory_of(const UserPaths *paths, const UserConfig *config) {
        const char *value = config->variable ? getenv(config->variable) : NULL, *why;
        char *path = NULL;

        if (!value || !value[0])
                return strjoin(paths->home, "/", config->directory, NULL);
        return value[0] == '/' && !printable_check(value) && path_parse(paths->home, value, &path, &why) >= 0
                        ? path
                        : NULL;
}

/* 1, 0, negative errno: -ELOOP is a link that does not count. */
static int is_directory(const UserPaths *paths, const char *path, PathPlace *ret) {
        int r = user_paths_resolve(paths, path, ret);

        if (r < 0)
                return r;
        path_place_done(ret);
        return ret->error == 0;
}

void user_config_add(Parser *parser) {
        Project *p = parser->project;
        const UserConfig *config = user_config_find(setting_value(p->values, SETTING_AGENT));
        _cleanup_free_ char *directory = NULL;
        size_t n = p->n_shares;
        PathPlace place;
        int r;

        if (!config || setting_is(p->values, SETTING_USER_CONFIG, "no"))
                return;
        directory = directory_of(parser->paths, config);
        r = directory ? is_directory(parser->paths, directory, &place) : 0;
        if (r == -ELOOP)
                messages_warning(&p->messages, p->lines[SETTING_USER_CONFIG],
                                "UserConfig=: '%s' is not shared, since '%s' is a symbolic link that the guest of a VM could have made: UserConfig=no leaves it out without this message",
                                directory, place.path);
        if (r <= 0)
                return;
        parser->line = 0;
        shares_add(parser, USER_CONFIG_TAG, TAKE_PTR(directory), USER_CONFIG_GUEST_DIRECTORY, true, false);
        if (p->n_shares > n)
                p->shares[n].named = true;
}

/* All links count here: each only adds a place to those that no guest may write. */
static int add_place(UserPaths *paths, const char *path) {
        _cleanup_free_ char *canonical = path ? user_paths_resolve_own(paths, path) : NULL;

        return canonical ? strv_append(&paths->agent_configs, canonical) : -ENOMEM;
}

/* Both places of a row: the user's shells and the user manager may have different environments. */
int user_config_find_all(UserPaths *paths) {
        const UserConfig *config;
        int r = 0;

        for (unsigned i = 0; r >= 0 && (config = user_config_get(i)); i++) {
                _cleanup_free_ char *path = strjoin(paths->home, "/", config->directory, NULL);
                const char *value = config->variable ? getenv(config->variable) : NULL;

                r = add_place(paths, path);
                if (r >= 0 && value && value[0] == '/')
                        r = add_place(paths, value);
        }
        return r;
}

static void refuse_share(Parser *parser, const Share *share, const char *relation, const char *place) {
        messages_error(&parser->project->messages, share->line,
                        "the directory '%s' of the share '%s' %s '%s', which your own agent on this machine obeys, so no guest may write it: take another directory, or share it with :ro (WorkDirectory= with ReadOnly=yes)",
                        share->directory, share->tag, relation, place);
}

static void check_share(Parser *parser, const Share *share) {
        for (char **place = parser->paths->agent_configs; place && *place; place++)
                if (path_is_in(share->directory, *place)) {
                        refuse_share(parser, share, strcmp(share->directory, *place) == 0 ? "is" : "lies in",
                                        *place);
                        return;
                } else if (path_is_in(*place, share->directory)) {
                        refuse_share(parser, share, "holds", *place);
                        return;
                }
}

void user_config_check_shares(Parser *parser) {
        const Project *p = parser->project;

        for (size_t i = 0; i < p->n_shares; i++)
                if (!p->shares[i].read_only)
                        check_share(parser, &p->shares[i]);
}
