/* Directories of the host that the guest gets, with their places in it. */

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/path.h"
#include "common/share-tag.h"
#include "common/strv.h"
#include "common/user-config.h"
#include "config.h"
#include "generator/guest-places.h"
#include "generator/parser.h"
#include "generator/paths.h"
#include "generator/shareable.h"

/* Takes ownership of the directory. */
void shares_add(Parser *parser, const char *tag, char *directory, const char *guest_directory,
                bool read_only, bool create) {
        Project *p = parser->project;
        Share *grown = reallocarray(p->shares, p->n_shares + 1, sizeof(Share));
        Share share = {
                .tag = strdup(tag),
                .directory = directory,
                .line = parser->line,
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

/* A share must not cover the guest's own directories, so it gets one of its own. An image of an earlier
 * version mounts nothing at a place with a blank. */
static bool is_guest_directory(const UserPaths *paths, const char *value) {
        return !guest_place_refused(paths, value) && !strchr(value, ' ') && strcmp(value, GUEST_WORK) != 0;
}

/* Drops what Share= has said so far; the other shares come later. */
void shares_forget(Parser *parser) {
        Project *p = parser->project;

        while (p->n_shares > 0) {
                Share *last = &p->shares[--p->n_shares];

                free(last->tag);
                free(last->directory);
                free(last->guest_directory);
        }
}

/* `place`: of the line that has the tag. */
static void refuse_taken(Parser *parser, const char *value, const char *tag, unsigned place) {
        if (PLACE_FILE(place) == parser->file)
                refuse(parser, "Share=%s: the tag '%s' is taken", value, tag);
        else
                refuse(parser, "Share=%s: the tag '%s' is taken by line %u of %s; an empty Share= before this line drops the shares of that file",
                                value, tag, PLACE_LINE(place),
                                messages_path(&parser->project->messages, place));
}

/* TAG:HOSTDIR:GUESTDIR[:ro] */
void parse_share(Parser *parser, const Setting *key, const char *value) {
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
                refuse(parser, "%s=%s: must be TAG:HOSTDIR:GUESTDIR or TAG:HOSTDIR:GUESTDIR:ro", key->key,
                                value);
                return;
        }
        if (!share_tag_is_valid(tag, strlen(tag)) || share_tag_is_reserved(tag)) {
                refuse(parser,
                                "%s=%s: the tag '%s' must be 1 to %d of a-z, 0-9 and '_', with a letter at its beginning, and not work, home, nix_store, " GIT_SHARE
                                " or " USER_CONFIG_TAG,
                                key->key, value, tag, SHARE_TAG_MAX);
                return;
        }
        for (size_t i = 0; i < parser->project->n_shares; i++)
                if (strcmp(parser->project->shares[i].tag, tag) == 0) {
                        refuse_taken(parser, value, tag, parser->project->shares[i].line);
                        return;
                }
        /* the work directory, its repository, the home, Nix's store and the user's configuration come later
         */
        if (parser->project->n_shares + 5 >= SHARES_MAX) {
                refuse(parser, "%s=%s: more than %u shares", key->key, value, SHARES_MAX - 5);
                return;
        }
        for (size_t i = 0; i < parser->project->n_shares; i++)
                if (strcmp(parser->project->shares[i].guest_directory, guest_directory) == 0) {
                        refuse(parser, "%s=%s: would hide the share '%s', which is at '%s' too: take another place in the guest",
                                        key->key, value, parser->project->shares[i].tag, guest_directory);
                        return;
                }
        if (!is_guest_directory(parser->paths, guest_directory)) {
                refuse(parser, "%s=%s: '%s' must be an absolute directory of its own in the guest, like /data",
                                key->key, value, guest_directory);
                return;
        }
        canonical = parser_directory(parser, key->key, directory, false);
        if (canonical)
                shares_add(parser, tag, canonical, guest_directory, mode, false);
}

/* A guest could move the root of a share away if it lies in another share of that guest. */
static void check_nested(Project *p, const Share *inner, const Share *outer) {
        if (inner != outer && path_is_in(inner->directory, outer->directory))
                messages_error(&p->messages, inner->line > 0 ? inner->line : outer->line,
                                "the share '%s' (%s) lies in the share '%s' (%s): a guest could replace it; use directories beside each other",
                                inner->tag, inner->directory, outer->tag, outer->directory);
}

void shares_check_nested(Parser *parser) {
        Project *p = parser->project;

        for (size_t i = 0; i < p->n_shares; i++)
                for (size_t j = 0; j < p->n_shares; j++)
                        check_nested(p, &p->shares[i], &p->shares[j]);
}

bool shares_is_opened(const Project *p, const char *directory) {
        for (size_t i = 0; p->allow_hidden && p->allow_hidden[i]; i++)
                if (path_is_in(directory, p->allow_hidden[i]))
                        return true;
        return false;
}

/* ~/.NAME of what lies below it; `directory` lies in the home. */
static int length_of_hidden(const UserPaths *paths, const char *directory) {
        size_t n = strlen(paths->home) + 1;

        return (int) (n + strcspn(directory + n, "/"));
}

void shares_check_hidden(Parser *parser) {
        Project *p = parser->project;

        for (size_t i = 0; i < p->n_shares; i++) {
                const Share *share = &p->shares[i];

                /* without a line it is a directory of ours */
                if (share->line == 0 || !shareable_is_hidden(parser->paths, share->directory))
                        continue;
                if (shares_is_opened(p, share->directory))
                        continue;
                parser->line = share->line;
                refuse(parser, "the directory '%s' of the share '%s' lies in the hidden '%.*s', and such directories hold settings and secrets: take another one, or name it in a project of your own: AllowHidden=%s",
                                share->directory, share->tag,
                                length_of_hidden(parser->paths, share->directory), share->directory,
                                share->directory);
        }
        parser->line = 0;
}

/* Root is a user, too, and the administrator's projects are root's. */
static bool is_of_the_user(const Project *p) {
        return p->file.is_own && !path_is_in(p->path, SYSTEM_CONFIG_DIR);
}

/* Refuses an ini of another user and a command line: neither may give a part of this user's home away. */
void parse_allow_hidden(Parser *parser, const Setting *key, const char *value) {
        _cleanup_free_ char *path = NULL, *canonical = NULL;
        const char *why = NULL;

        if (parser->project->is_request)
                refuse(parser, "%s=%s: does not count in a VM that is made for one call: start the project first, with: claude-run start NAME",
                                key->key, value);
        else if (!is_of_the_user(parser->project))
                refuse(parser, "%s=%s: counts only in a project of your own, in your configuration directory: take the line out",
                                key->key, value);
        else if (path_parse(parser->paths->home, value, &path, &why) < 0)
                refuse(parser, "%s=%s: the path %s", key->key, value, why ?: "needs memory");
        else if (!(canonical = resolve_file(parser, key->key, value, path)))
                return;
        else if ((why = shareable_stays_closed(parser->paths, canonical)))
                refuse(parser, "%s=%s: cannot be opened for a guest: '%s' %s", key->key, value, canonical,
                                why);
        else if (strv_append(&parser->project->allow_hidden, canonical) < 0)
                parser->out_of_memory = true;
}

/* The programs of a dev shell are in the host's store. Not at its place at once: a guest made by Nix has one
 * of its own there, see guest/libexec/devshell-setup. */
void shares_add_nix_store(Parser *parser) {
        Project *p = parser->project;
        size_t n = p->n_shares;

        shares_add(parser, "nix_store", strdup("/nix/store"), "/nix/.host-store", true, false);
        if (p->n_shares > n)
                p->shares[n].optional = true;
}
