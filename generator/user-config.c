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

bool user_config_has(const UserPaths *paths, const char *directory) {
        const UserConfig *config;
        bool found = false;

        for (unsigned i = 0; !found && (config = user_config_get(i)); i++) {
                _cleanup_free_ char *path = strjoin(paths->home, "/", config->directory, NULL);

                found = path && path_is_in(directory, path);
        }
        return found;
}
